//! A loaded model with everything it needs to answer: weights, cache, tokenizer, template.

use std::sync::Arc;

use super::prompt::Prompt;
use super::runner::Runner;
use super::template::{ChatTemplate, Message, RenderOptions};
use super::tokenizer::{Special, Tokenizer};
use super::weights::Types;
use crate::error::{Error, Result};
use crate::file::TensorInfo;
use crate::inspect::Model;
use crate::kernels::pool::Pool;
use crate::kernels::precision;
use crate::memory::alloc::EngineOwned;
use crate::memory::ledger::Ledger;
use crate::memory::plan::{self, Choice, Fit, KvDtype, Plan};
use crate::memory::{Parts, alloc};
use crate::units::Bytes;

/// Names a loaded model; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u64);

/// What is said to the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Messages through the chat template.
    Chat {
        /// System prompt first if there is one; roles as templates name them.
        messages: Vec<Message>,
        /// Use the stated fallback in place of the file's template.
        fallback_template: bool,
    },
    /// Text to continue.
    Completion(String),
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    runner: EngineOwned<Runner>,
    /// Shared with those that were forked from this one.
    tokenizer: Arc<Tokenizer>,
    template: Result<ChatTemplate>,
    fallback: ChatTemplate,
    tokenizer_bytes: Option<Bytes>,
    /// What is read of the weights for one token.
    weights_read: Bytes,
    /// How keys and values are stored.
    kv: KvDtype,
    /// What the engine's threads kept of earlier work before this model came: not its activations.
    kept_before: Bytes,
    ledger: Ledger,
}

impl Session {
    /// Loads what was planned.
    ///
    /// # Errors
    /// [`Error::OverBudget`] when the plan does not fit and `anyway` is not given, or exceeds the machine; whatever reading the file
    /// and its vocabulary gives; [`Error::Cancelled`].
    pub fn load(
        model: &Model,
        plan: &Plan,
        anyway: bool,
        pool: Arc<Pool>,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        check_budget(plan, anyway)?;
        let choice = plan.choice;
        let types = |tensor: &TensorInfo| choice.recode.map_or(tensor.dtype, |level| level.of(tensor));
        Self::load_as(model, choice, &types, pool, ledger, progress)
    }

    /// Loads a model with each matrix as the type that `types` says; whoever calls has planned it.
    ///
    /// # Errors
    /// Whatever reading the file and its vocabulary gives; [`Error::Cancelled`].
    pub fn load_as(
        model: &Model,
        choice: Choice,
        types: Types<'_>,
        pool: Arc<Pool>,
        ledger: &Ledger,
        progress: &mut dyn FnMut(Bytes) -> bool,
    ) -> Result<Self> {
        alloc::keep_nothing();
        let kept_before = alloc::engine_live().unwrap_or_default() - charged_to_engine(&ledger.parts());
        let (tokenizer, tokenizer_bytes) = alloc::measure(|| Tokenizer::of(model));
        let tokenizer = Arc::new(tokenizer?);
        let template = template_of(&tokenizer);
        let fallback = ChatTemplate::fallback(tokenizer.vocabulary());
        let runner = Runner::load_as(model, choice, types, pool, ledger, progress)?;
        let resident = |tensor: &_| precision::resident_bytes_as(tensor, types(tensor)).unwrap_or_default();
        let weights_read = model.weight_bytes_per_token(resident);
        let runner = EngineOwned::new(runner);
        let kv = choice.cache_dtype();
        Ok(Self { runner, tokenizer, template, fallback, tokenizer_bytes, weights_read, kv, kept_before, ledger: ledger.clone() })
    }

    /// Another conversation with the same weights and a cache of its own, which is charged to `ledger`. `choice` is what this one was
    /// loaded with.
    ///
    /// # Errors
    /// As [`Runner::fork`].
    pub fn fork(&self, choice: Choice, pool: Arc<Pool>, ledger: &Ledger) -> Result<Self> {
        Ok(Self {
            runner: EngineOwned::new(self.runner.fork(choice, pool, ledger)?),
            tokenizer: Arc::clone(&self.tokenizer),
            template: self.template.clone(),
            fallback: self.fallback.clone(),
            tokenizer_bytes: None,
            weights_read: self.weights_read,
            kv: self.kv,
            kept_before: self.kept_before,
            ledger: ledger.clone(),
        })
    }

    /// The prompt for an input, as the model will read it.
    ///
    /// # Errors
    /// A template that is missing or fails; the text says that the fallback is there. [`Error::Cancelled`].
    pub fn prompt(&self, input: &Input, go_on: &dyn Fn() -> bool) -> Result<Prompt> {
        match input {
            Input::Completion(text) => Prompt::raw(&self.tokenizer, text, Special::Plain, go_on),
            Input::Chat { messages, fallback_template } => {
                let template = if *fallback_template { &self.fallback } else { self.template.as_ref().map_err(Clone::clone)? };
                Prompt::chat(&self.tokenizer, template, messages, &RenderOptions::answer(), go_on)
            }
        }
    }

    /// Whether the file's chat template works.
    ///
    /// # Errors
    /// Why it does not.
    pub fn template(&self) -> Result<()> {
        self.template.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Weights and cache.
    #[must_use]
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// Weights and cache, to be fed.
    pub fn runner_mut(&mut self) -> &mut Runner {
        &mut self.runner
    }

    /// What is read for one token when `depth` tokens are in the context: weights, keys and values.
    #[must_use]
    pub fn bytes_per_token(&self, depth: usize) -> Bytes {
        self.weights_read + plan::kv_read_bytes(self.runner.spec(), self.kv, depth)
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// What the ledger holds now.
    #[must_use]
    pub fn charged(&self) -> Parts {
        self.ledger.parts()
    }

    /// What the allocator counted: the tokenizer when it was built, and activations at the engine's highest moment since the peak was
    /// last reset. `None` without the counting allocator.
    #[must_use]
    pub fn counted(&self) -> Parts {
        let held = charged_to_engine(&self.charged()) + self.kept_before;
        Parts { activations: alloc::engine_peak().map(|peak| peak - held), tokenizer: self.tokenizer_bytes, ..Parts::default() }
    }

    /// Frees everything and gives the memory back to the system.
    pub fn close(self) {
        drop(self);
        alloc::trim();
    }
}

/// What the ledger charges for buffers that are allocated in the engine's scope.
#[must_use]
pub fn charged_to_engine(charged: &Parts) -> Bytes {
    charged.weights.unwrap_or_default() + charged.kv_cache.unwrap_or_default()
}

/// The file's template, or why there is none that works.
fn template_of(tokenizer: &Tokenizer) -> Result<ChatTemplate> {
    ChatTemplate::of(tokenizer.vocabulary()).unwrap_or_else(|| Err(Error::Engine(NO_TEMPLATE.into())))
}

/// What is said of a model without a chat template.
const NO_TEMPLATE: &str =
    "the file has no chat template: it is made to complete texts; a fallback template (ChatML, or User/Assistant) can be used";

/// The same figures that the page showed decide here.
fn check_budget(plan: &Plan, anyway: bool) -> Result<()> {
    let refused = match plan.fit {
        Fit::Fits | Fit::Tight => false,
        Fit::Exceeds => !anyway,
        Fit::Impossible => true,
    };
    if !refused {
        return Ok(());
    }
    let advice = match plan.max_context {
        0 => "a smaller quantization would fit, or other programs could be closed".to_owned(),
        tokens => format!("a context of {} tokens would fit", crate::units::grouped(tokens as u64)),
    };
    Err(Error::OverBudget { part: format!("loading ({} above all)", plan.blame.word()), need: plan.peak, have: plan.available, advice })
}
