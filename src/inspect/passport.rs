//! Where a file runs: here (loader and kernels; memory is the plan's to say) and in other programs, as far as its header tells.

use crate::file::{Format, TensorInfo, text};
use crate::inspect::{Kind, Model, spec};

/// Whether Ponder can run a file, without regard to memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsHere {
    /// The loader reads it: its architecture is known and its metadata and tensors agree.
    pub loader: bool,
    /// There is a kernel for the type of every tensor that is used.
    pub kernel: bool,
    /// Why not, in sentences; empty where it runs.
    pub why: String,
}

impl RunsHere {
    /// Loader and kernels both say yes.
    #[must_use]
    pub const fn ok(&self) -> bool {
        self.loader && self.kernel
    }
}

/// Whether `model` runs here, given which tensors there is a kernel for.
#[must_use]
pub fn runs_here(model: &Model, has_kernel: &dyn Fn(&TensorInfo) -> bool) -> RunsHere {
    let mut why = Vec::new();
    if let Err(error) = &model.spec {
        why.push(error.to_string());
    }
    // What is not a known decoder is answered in full: what else would be missing, and who has it all.
    let foreign = model.kind == Kind::Model && model.architecture().is_some_and(|name| !spec::runnable_architectures().contains(&name));
    if foreign {
        why.push("memory can't be planned before the loader knows it".to_owned());
    }
    let mut without = model.used_tensors().filter(|tensor| !has_kernel(tensor));
    let first = without.next();
    if let Some(tensor) = first {
        let more = without.count();
        let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
        why.push(format!("no kernel for {} (tensor `{}`{and_more})", tensor.dtype.name(), text::shown(&tensor.name, 60)));
    } else if foreign {
        why.push("there is a kernel for every type that it has".to_owned());
    }
    if foreign {
        let others: Vec<&str> = runtimes(model).iter().filter(|runtime| runtime.ok).map(|runtime| runtime.name).collect();
        why.push(match &others[..] {
            [] => "no program that Ponder knows runs it".to_owned(),
            [one] => format!("{one} runs it"),
            [all @ .., last] => format!("{} and {last} run it", all.join(", ")),
        });
    }
    RunsHere { loader: model.spec.is_ok(), kernel: first.is_none(), why: why.join("; ") }
}

/// Whether another program runs a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// The program.
    pub name: &'static str,
    /// Whether it does, as far as the header tells.
    pub ok: bool,
    /// Why, or why not.
    pub why: String,
}

/// Architectures that llama.cpp is known to run, of those that people meet often.
const LLAMA_CPP: &[&str] = &[
    "arctic",
    "baichuan",
    "bert",
    "bitnet",
    "bloom",
    "chatglm",
    "codeshell",
    "cohere2",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "deepseek2",
    "ernie4_5",
    "exaone",
    "exaone4",
    "falcon",
    "falcon-h1",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma3n",
    "glm4",
    "glm4moe",
    "gpt-oss",
    "gpt2",
    "gptneox",
    "granite",
    "granitehybrid",
    "granitemoe",
    "grok",
    "internlm2",
    "jais",
    "jamba",
    "jina-bert-v2",
    "lfm2",
    "llama",
    "llama4",
    "mamba",
    "mamba2",
    "minicpm",
    "minicpm3",
    "mpt",
    "nemotron",
    "nomic-bert",
    "nomic-bert-moe",
    "olmo",
    "olmo2",
    "olmoe",
    "openelm",
    "orion",
    "phi2",
    "phi3",
    "phimoe",
    "plamo",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "refact",
    "rwkv6",
    "rwkv7",
    "smollm3",
    "stablelm",
    "starcoder",
    "starcoder2",
    "t5",
    "t5encoder",
    "xverse",
];

/// Architectures for which candle-transformers has a quantized model.
const CANDLE: &[&str] = &["gemma3", "glm4", "lfm2", "llama", "phi2", "phi3", "qwen2", "qwen3", "qwen3moe"];

/// Types that candle dequantizes.
const CANDLE_TYPES: &[&str] =
    &["BF16", "F16", "F32", "Q2_K", "Q3_K", "Q4_0", "Q4_1", "Q4_K", "Q5_0", "Q5_1", "Q5_K", "Q6_K", "Q8_0", "Q8_1", "Q8_K"];

/// Which programs run the file.
#[must_use]
pub fn runtimes(model: &Model) -> Vec<Runtime> {
    let Format::Gguf { version } = model.file.format else { return for_safetensors() };
    let architecture = model.architecture().unwrap_or_default();
    let shown = text::shown(architecture, 40);
    let llama_cpp = if !model.file.blockers.is_empty() {
        Err("the file contradicts itself (see the warnings)".to_owned())
    } else if version < 2 {
        Err("GGUF version 1 isn't read any more".to_owned())
    } else if model.kind == Kind::Projector {
        Ok("beside the language model that it belongs to (--mmproj)".to_owned())
    } else if model.kind == Kind::Adapter {
        Ok("on top of the model that it was trained for (--lora)".to_owned())
    } else if model.kind == Kind::Vocabulary {
        Err("holds no weights".to_owned())
    } else if let Some(share) = model.mix.iter().find(|share| share.dtype.block_len().is_none()) {
        Err(format!("has tensors of {}", share.dtype.name()))
    } else if LLAMA_CPP.contains(&architecture) {
        Ok("its own format".to_owned())
    } else {
        Err(format!("`{shown}` isn't among the architectures that Ponder knows it to run"))
    };
    let candle = if !CANDLE.contains(&architecture) || model.kind != Kind::Model {
        Err(format!("no quantized model for `{shown}`"))
    } else if let Some(share) = model.mix.iter().find(|share| !CANDLE_TYPES.contains(&&*share.dtype.name())) {
        Err(format!("doesn't read {}", share.dtype.name()))
    } else if model.file.paths().len() > 1 {
        Err("reads no split files".to_owned())
    } else {
        Ok("through its quantized models".to_owned())
    };
    let on_llama_cpp = llama_cpp.clone().map(|_| "runs on llama.cpp".to_owned());
    let lm_studio = on_llama_cpp.clone();
    [("llama.cpp", llama_cpp), ("Ollama", on_llama_cpp), ("LM Studio", lm_studio), ("candle", candle)]
        .into_iter()
        .map(|(name, answer)| match answer {
            Ok(why) => Runtime { name, ok: true, why },
            Err(why) => Runtime { name, ok: false, why },
        })
        .collect()
}

fn for_safetensors() -> Vec<Runtime> {
    let convert = "needs it converted to GGUF";
    let no = |name| Runtime { name, ok: false, why: convert.to_owned() };
    let candle = Runtime { name: "candle", ok: false, why: "has a model for some of these folders; which, Ponder doesn't know".to_owned() };
    vec![no("llama.cpp"), no("Ollama"), no("LM Studio"), candle]
}

/// The family of an architecture, as people call it.
#[must_use]
pub fn family(architecture: &str) -> &str {
    const FAMILIES: &[(&str, &str)] = &[
        ("llama", "Llama"),
        ("llama4", "Llama 4"),
        ("gemma", "Gemma"),
        ("gemma2", "Gemma 2"),
        ("gemma3", "Gemma 3"),
        ("gemma3n", "Gemma 3n"),
        ("qwen2", "Qwen 2"),
        ("qwen2moe", "Qwen 2"),
        ("qwen3", "Qwen 3"),
        ("qwen3moe", "Qwen 3"),
        ("phi2", "Phi 2"),
        ("phi3", "Phi 3"),
        ("deepseek2", "DeepSeek 2 and 3"),
        ("gpt-oss", "gpt-oss"),
        ("gpt2", "GPT-2"),
        ("gptneox", "GPT-NeoX"),
        ("falcon", "Falcon"),
        ("bert", "BERT"),
        ("nomic-bert", "Nomic BERT"),
        ("mamba", "Mamba"),
        ("starcoder2", "StarCoder 2"),
        ("stablelm", "StableLM"),
        ("command-r", "Command R"),
        ("granite", "Granite"),
        ("olmo2", "OLMo 2 and 3"),
        ("smollm3", "SmolLM 3"),
        ("clip", "CLIP projector"),
    ];
    FAMILIES.iter().find(|(name, _)| *name == architecture).map_or(architecture, |(_, family)| family)
}
