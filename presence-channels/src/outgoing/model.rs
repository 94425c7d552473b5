//! A search for lost wake-ups: threads of a scheduler that tries one order of events after another
//! push to outboxes, which flushers and the sockets' tasks write. A frame that is never written
//! leaves its reader waiting, which the scheduler reports as a deadlock.
//!
//! `cargo xtask model` runs it.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use shuttle::{future, thread};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Flushers, Outbox, Sink,
    flushers::turn::{self, DispatchTurn},
    outbox::OutboxPhase,
    stream::Stream,
    sync::Mutex,
};
use crate::{
    Limits,
    serializer::Frame,
    telemetry::{Deliveries, MountMeters, Transport},
};

const SCHEDULES: usize = 3000;

/// A connection that takes `capacity` bytes until its peer reads, behind a buffer that is flushed.
#[derive(Clone)]
pub(crate) struct ModelStream(Arc<Mutex<Pipe>>);

struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The bytes that are written and not flushed yet.
    buffered: VecDeque<u8>,
    /// The most of them. With zero, all are written at once.
    buffer: usize,
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl ModelStream {
    fn new(capacity: usize, buffer: usize) -> Self {
        Self(Arc::new(Mutex::new(Pipe {
            bytes: VecDeque::new(),
            capacity,
            buffered: VecDeque::new(),
            buffer,
            writer: None,
            reader: None,
        })))
    }

    /// Reads as the peer does.
    async fn read(&self, count: usize) -> Vec<u8> {
        let mut read = Vec::new();
        while read.len() < count {
            read.extend(
                poll_fn(|cx| {
                    let mut pipe = self.0.lock();
                    let bytes: Vec<u8> = pipe.bytes.drain(..).collect();
                    if bytes.is_empty() {
                        pipe.reader = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    let writer = pipe.writer.take();
                    drop(pipe);
                    writer.into_iter().for_each(Waker::wake);
                    Poll::Ready(bytes)
                })
                .await,
            );
        }
        read
    }
}

impl AsyncWrite for ModelStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.lock();
        if pipe.buffer > 0 {
            let room = pipe.buffer - pipe.buffered.len();
            if room == 0 {
                drop(pipe);
                ready!(self.as_mut().poll_flush(cx))?;
                return self.poll_write(cx, bytes);
            }
            let count = bytes.len().min(room);
            pipe.buffered.extend(&bytes[..count]);
            return Poll::Ready(Ok(count));
        }
        let count = bytes.len().min(pipe.capacity - pipe.bytes.len());
        if count == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&bytes[..count]);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.0.lock();
        let count = pipe.buffered.len().min(pipe.capacity - pipe.bytes.len());
        let flushed: Vec<u8> = pipe.buffered.drain(..count).collect();
        pipe.bytes.extend(flushed);
        let is_flushed = pipe.buffered.is_empty();
        if !is_flushed {
            pipe.writer = Some(cx.waker().clone());
        }
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        match is_flushed {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The peer sends nothing.
impl AsyncRead for ModelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// An endpoint's flushers and outboxes, and the tasks that write.
struct Node {
    flushers: Arc<Flushers>,
    outboxes: Vec<Arc<Outbox>>,
    tasks: Vec<future::JoinHandle<()>>,
}

impl Node {
    fn start(workers: usize, max_unflushed: usize) -> Self {
        let flushers = Arc::new(Flushers::new(workers, max_unflushed, usize::MAX));
        let run = |index| future::spawn(flushers.clone().run(index));
        Self {
            tasks: (0..workers).map(run).collect(),
            outboxes: Vec::new(),
            flushers,
        }
    }

    /// Opens an outbox. Returns the other end of its connection, too.
    fn open(&mut self, capacity: usize) -> (Arc<Outbox>, ModelStream) {
        self.open_over(ModelStream::new(capacity, 0))
    }

    /// As [`open`](Self::open), over this connection.
    fn open_over(&mut self, stream: ModelStream) -> (Arc<Outbox>, ModelStream) {
        let meters = MountMeters::new("/socket");
        let meter = meters.of(Transport::Websocket).clone();
        let limits = Limits::default().max_outgoing_bytes(4 * frame(0).cost());
        let outbox = Outbox::new(Sink::WebSocket, self.flushers.clone(), &limits, meter);
        outbox.open(Stream::Model(stream.clone()));
        // The socket's task: it has nothing to read, and writes when it is woken.
        let task = outbox.clone();
        self.tasks.push(future::spawn(poll_fn(move |cx| {
            task.attend(cx.waker());
            turn::run(|| ());
            match task.leave() {
                (OutboxPhase::Closed, _) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })));
        self.outboxes.push(outbox.clone());
        (outbox, stream)
    }

    fn end(self) {
        self.outboxes.iter().for_each(|outbox| outbox.abandon());
        self.flushers.stop();
        for task in self.tasks {
            future::block_on(task).unwrap();
        }
    }
}

fn frame(name: u8) -> Frame {
    Frame::binary(vec![name])
}

fn broadcast(outbox: &Arc<Outbox>, name: u8) {
    let mut dispatch = DispatchTurn::begin(outbox.flushers());
    outbox.send_broadcast(frame(name), &mut dispatch, &mut Deliveries::default());
}

/// Reads `frames` frames. Returns their names.
fn read(stream: &ModelStream, frames: usize) -> Vec<u8> {
    let bytes = future::block_on(stream.read(frames * 3));
    bytes.chunks(3).map(|frame| frame[2]).collect()
}

/// Two threads broadcast in turns of their own, and a third pushes to one client.
#[test]
fn whatever_is_pushed_is_written() {
    shuttle::check_random(
        || {
            let mut node = Node::start(2, usize::MAX);
            // Two bytes: writes block in the middle of a frame.
            let (one, one_stream) = node.open(2);
            let (two, two_stream) = node.open(100);
            let senders: Vec<_> = [b"ab", b"cd"]
                .map(|names| {
                    let outboxes = [one.clone(), two.clone()];
                    thread::spawn(move || {
                        turn::run(|| {
                            for name in names {
                                for outbox in &outboxes {
                                    broadcast(outbox, *name);
                                }
                            }
                        });
                    })
                })
                .into();
            one.send(frame(b'z'));
            let mut names = read(&one_stream, 5);
            let order: Vec<_> = names.iter().filter(|name| b"ab".contains(name)).collect();
            assert_eq!(order, [b"a", b"b"].map(|name| &name[0]));
            names.sort_unstable();
            assert_eq!(names, b"abcdz");
            assert_eq!(read(&two_stream, 4).len(), 4);
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
            node.end();
        },
        SCHEDULES,
    );
}

/// A turn that does not end for now has marked a client, to which another thread pushes.
#[test]
fn a_turn_that_goes_on_holds_no_other_up() {
    shuttle::check_random(
        || {
            let mut node = Node::start(1, usize::MAX);
            let (outbox, stream) = node.open(100);
            let gate = Arc::new(shuttle::sync::Barrier::new(2));
            let long = thread::spawn({
                let (outbox, gate) = (outbox.clone(), gate.clone());
                move || {
                    turn::run(|| {
                        broadcast(&outbox, b'a');
                        gate.wait();
                    });
                }
            });
            let short = thread::spawn({
                let outbox = outbox.clone();
                move || broadcast(&outbox, b'b')
            });
            short.join().unwrap();
            // Written before the long turn ends, whichever came first.
            let before = read(&stream, 1).len();
            gate.wait();
            long.join().unwrap();
            if before == 1 {
                assert_eq!(read(&stream, 1).len(), 1);
            }
            node.end();
        },
        SCHEDULES,
    );
}

/// Senders that wait until their backlog is written are woken.
#[test]
fn senders_that_wait_go_on() {
    shuttle::check_random(
        || {
            let mut node = Node::start(2, frame(0).cost());
            let (outbox, stream) = node.open(2);
            let senders: Vec<_> = [b"abc", b"def"]
                .map(|names| {
                    let (outbox, flushers) = (outbox.clone(), node.flushers.clone());
                    future::spawn(async move {
                        for name in names {
                            turn::run(|| broadcast(&outbox, *name));
                            flushers.after(Ok::<_, ()>(())).await.unwrap();
                        }
                    })
                })
                .into();
            assert_eq!(read(&stream, 6).len(), 6);
            for sender in senders {
                future::block_on(sender).unwrap();
            }
            node.end();
        },
        SCHEDULES,
    );
}

/// Of a crowd that waits, one has gone, and none sends anything whose writing would wake the next.
#[test]
fn a_crowd_that_sends_no_more_goes_on() {
    shuttle::check_random(
        || {
            let mut node = Node::start(2, frame(0).cost());
            let (outbox, stream) = node.open(2);
            turn::run(|| b"ab".iter().for_each(|name| broadcast(&outbox, *name)));
            let flushers = node.flushers.clone();
            let gone = future::spawn(poll_fn(move |cx| {
                let _ = flushers.poll_calm(cx);
                Poll::Ready(())
            }));
            let crowd: Vec<_> = (0..3)
                .map(|_| {
                    let flushers = node.flushers.clone();
                    future::spawn(async move { flushers.after(Ok::<_, ()>(())).await })
                })
                .collect();
            assert_eq!(read(&stream, 2).len(), 2);
            future::block_on(gone).unwrap();
            for sender in crowd {
                future::block_on(sender).unwrap().unwrap();
            }
            node.end();
        },
        SCHEDULES,
    );
}

/// A push that waits for its client goes on when the client has read.
#[test]
fn who_waits_for_room_goes_on() {
    shuttle::check_random(
        || {
            let mut node = Node::start(1, usize::MAX);
            let (outbox, stream) = node.open(2);
            let sender = future::spawn({
                let outbox = outbox.clone();
                async move {
                    for name in b"abc" {
                        outbox.send(frame(*name));
                        poll_fn(|cx| outbox.poll_room(cx)).await;
                    }
                }
            });
            assert_eq!(read(&stream, 3), b"abc");
            future::block_on(sender).unwrap();
            node.end();
        },
        SCHEDULES,
    );
}

/// The last frame is in the buffer, and the queue is empty, when the peer takes no more.
#[test]
fn what_a_connection_keeps_back_is_flushed() {
    shuttle::check_random(
        || {
            let mut node = Node::start(1, usize::MAX);
            let (outbox, stream) = node.open_over(ModelStream::new(2, 100));
            let sender = thread::spawn({
                let outbox = outbox.clone();
                move || b"ab".iter().for_each(|name| broadcast(&outbox, *name))
            });
            outbox.send(frame(b'c'));
            assert_eq!(read(&stream, 3).len(), 3);
            sender.join().unwrap();
            broadcast(&outbox, b'd');
            assert_eq!(read(&stream, 1), b"d");
            node.end();
        },
        SCHEDULES,
    );
}

/// Bytes that a peer does not take are held for it. Senders do not wait for that.
#[test]
fn what_a_peer_does_not_take_is_no_backlog() {
    shuttle::check_random(
        || {
            let mut node = Node::start(1, usize::MAX);
            let (outbox, _stream) = node.open(2);
            let sender = thread::spawn({
                let outbox = outbox.clone();
                move || b"ab".iter().for_each(|name| broadcast(&outbox, *name))
            });
            broadcast(&outbox, b'c');
            sender.join().unwrap();
            // The flusher ends when it has written what is marked.
            node.flushers.stop();
            future::block_on(node.tasks.remove(0)).unwrap();
            // The socket's task may be in a turn still.
            let mut looks = 0;
            while node.flushers.backlog().unflushed() != 0 {
                looks += 1;
                assert!(looks < 1000, "it is counted for ever");
                thread::yield_now();
            }
            node.end();
        },
        SCHEDULES,
    );
}
