//! One step on several threads: each takes parts of the batch until none is left, and then variables until all are changed.

use std::collections::VecDeque;
use std::sync::Mutex;

use candle_core::Var;

use super::Result;
use super::data::Batch;
use super::model::Model;
use super::ops::Values;
use super::optimizer::{self, Memory};

/// The model in training.
pub struct Trainer {
    /// The variables.
    pub model: Model,
    /// The optimizer's memory, in the order of the variables.
    pub memories: Vec<Memory>,
    pool: rayon::ThreadPool,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Trainer {
    /// A trainer on `threads` threads.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn new(model: Model, threads: usize) -> Result<Self> {
        let memories = model.variables().iter().map(|(name, var)| Memory::new(name, var.elem_count())).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(Self { model, memories, pool })
    }

    /// The loss of the batch and its gradient for every variable.
    fn gradients(&self, batch: Batch, part: usize) -> Result<(f32, Vec<Vec<f32>>)> {
        let parts = Mutex::new(batch.parts(part));
        let mut results = self.pool.broadcast(|_| self.work(&parts)).into_iter();
        let (mut loss, mut sums) = results.next().unwrap_or_else(|| Ok((0.0, Vec::new())))?;
        for result in results {
            let (more, grads) = result?;
            loss += more;
            for (sum, grad) in sums.iter_mut().zip(&grads) {
                sum.iter_mut().zip(grad).for_each(|(sum, g)| *sum += g);
            }
        }
        Ok((loss, sums))
    }

    fn work(&self, parts: &Mutex<VecDeque<Batch>>) -> Result<(f32, Vec<Vec<f32>>)> {
        let variables = self.model.variables();
        let mut sums: Vec<Vec<f32>> = variables.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect();
        let mut total = 0.0;
        loop {
            let Some(part) = lock(parts).pop_front() else { return Ok((total, sums)) };
            if part.weights.iter().all(|&weight| weight == 0.0) {
                continue;
            }
            let loss = self.model.loss(&part)?;
            total += loss.to_scalar::<f32>()?;
            let grads = loss.backward()?;
            for (sum, (_, var)) in sums.iter_mut().zip(&variables) {
                let Some(grad) = grads.get(var.as_tensor()) else { continue };
                let grad = grad.contiguous()?;
                sum.iter_mut().zip(&*Values::of(&grad)?).for_each(|(sum, g)| *sum += g);
            }
        }
    }

    /// Learns from one batch, worked on in parts of `part` tokens; the loss before the change. `step` counts from zero.
    ///
    /// # Errors
    /// What candle says.
    pub fn step(&mut self, batch: Batch, part: usize, step: u64, steps: u64) -> Result<f32> {
        let (loss, mut grads) = self.gradients(batch, part)?;
        let variables = self.model.variables();
        let small = grads.iter_mut().zip(&variables).filter(|(_, (name, _))| !optimizer::is_matrix(name));
        optimizer::clip(&mut small.map(|(grad, _)| grad).collect::<Vec<_>>());
        let mut work: Vec<(&str, &Var, Vec<f32>, &mut Memory)> = variables
            .iter()
            .zip(grads)
            .zip(&mut self.memories)
            .map(|(((name, var), grad), memory)| (&**name, *var, grad, memory))
            .collect();
        work.sort_by_key(|(name, var, ..)| (optimizer::is_matrix(name), var.elem_count()));
        let (work, rate) = (Mutex::new(work), optimizer::schedule(step, steps));
        let results = self.pool.broadcast(|_| -> Result<()> {
            loop {
                let Some((name, var, grad, memory)) = lock(&work).pop() else { return Ok(()) };
                optimizer::update(name, var, grad, memory, rate, step)?;
            }
        });
        results.into_iter().collect::<Result<()>>()?;
        Ok(loss)
    }
}
