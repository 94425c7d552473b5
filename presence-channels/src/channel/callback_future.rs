//! The futures that a channel's callbacks return. They are traits of their own for the compiler's
//! message alone: a callback with a wrong result is answered in the words of this crate.

use super::{Channel, HandleResult, InfoResult, JoinResult};

/// The future of [`Channel::join`]. Every future of a [`JoinResult`] is one, as that of an
/// `async fn` with this result.
#[diagnostic::on_unimplemented(
    message = "`join` does not return `JoinResult<{C}>`",
    label = "the result of `join` is `JoinResult<Self>`",
    note = "accept the join with `Ok(channel.into())`",
    note = "refuse it with `Err(JoinError::new(\"reason\"))`; `?` converts every error"
)]
pub trait JoinFuture<C: Channel>: Future<Output = JoinResult<C>> {}

// Without this the compiler would speak of a type mismatch.
#[diagnostic::do_not_recommend]
impl<C: Channel, F: Future<Output = JoinResult<C>>> JoinFuture<C> for F {}

/// The future of [`Channel::handle_in`]. Every future of a [`HandleResult`] is one, as that of an
/// `async fn` with this result.
#[diagnostic::on_unimplemented(
    message = "`handle_in` does not return `HandleResult`",
    label = "the result of `handle_in` is `HandleResult`",
    note = "end it with `reply_ok(..)`, or with `no_reply()` if the client waits for no answer",
    note = "`InfoResult` is the result of `handle_info` and `handle_out`"
)]
pub trait HandleFuture: Future<Output = HandleResult> {}

#[diagnostic::do_not_recommend]
impl<F: Future<Output = HandleResult>> HandleFuture for F {}

/// The future of [`Channel::handle_info`] and [`Channel::handle_out`]. Every future of an
/// [`InfoResult`] is one, as that of an `async fn` with this result.
#[diagnostic::on_unimplemented(
    message = "`handle_info` or `handle_out` does not return `InfoResult`",
    label = "the result of this callback is `InfoResult`",
    note = "end it with `Ok(())`: no message of the client waits for a reply",
    note = "`HandleResult` is the result of `handle_in`"
)]
pub trait InfoFuture: Future<Output = InfoResult> {}

#[diagnostic::do_not_recommend]
impl<F: Future<Output = InfoResult>> InfoFuture for F {}
