// Package kafka is the one wrapper of segmentio/kafka-go: a producer, a consumer, and a few requests of an administrator. No type of
// kafka-go shows in its API.
//
// kafka-go gives the protocol: messages, their encoding, version negotiation, SASL, group membership. Ours are the parts that a service
// which takes an HTTP request per record cannot buy ready made: record batches encoded straight from the caller's memory, one request
// for all partitions of a broker, and results for each record.
//
// # Producer
//
// The way of a record, with the file that has it:
//
//	Produce ──▶ topic ──▶ partition ──▶ batch ──▶ sender ──▶ worker ──▶ broker
//	producer    topic     partition     batch     sender     worker
//	   ▲                                                        │
//	   └────────────── call: result of each record ◀────────────┘
//
// Produce counts its records into the queue, encodes each into the open batch of its partition under that partition's lock, and waits.
// A topic that nobody asked about yet parks copies of its records until metadata tells how many partitions there are.
//
// There is one sender for each broker. A partition that gets something to send lists itself there; Linger after the first of them, or as
// soon as a batch is full, the sender takes one batch of every listed partition, and sends them as one request. While it waits for the
// answer the next batches fill, so the load itself makes the batches larger. A partition has one batch in flight at most: retries keep
// the order, and idempotence needs no window. With MaxInFlight above 1, further workers send what the earlier requests left.
//
// States of a batch, its owner in brackets:
//
//	open (partition) ──full, too old──▶ queued (partition) ──┐
//	  │                                    ▲                 │ sender is free
//	  └───────────sender is free───────────┼─────────────────┼──▶ in flight (worker) ──answer──▶ delivered or failed ──▶ pool
//	                                       └── retry, or halves of a batch that was too large ──┘
//
// Buffers: what the caller passes is copied before Produce returns, however it returns. A batch and its buffers belong to the partition,
// under its lock, until the worker takes it; to the worker while in flight; to the pool once every waiter was told. Locks are taken in
// the order topic, partition, sender, and none is held while waiting for a broker.
//
// What happens when (each row is a case in the tests):
//
//	no broker answers               records wait, new ones are taken until the queue is full; ErrTimeout after MessageTimeout;
//	                                reconnecting goes on for ever, and so does Run
//	queue full                      ErrQueueFull at once; Produce enqueues all of its records or none
//	topic does not exist            asked for, with leave to create it, until it is there; ErrTimeout after MessageTimeout
//	leader moved, none elected      new metadata, then again; not counted as an attempt, since nothing was stored
//	too few replicas, storage       again after a pause, RetryBackoff doubling up to RetryBackoffMax, until Retries or MessageTimeout
//	connection lost, no answer      the same; the records may be stored already, so they may come twice unless Idempotence is on
//	record larger than we allow     ErrTooLarge, nothing is sent
//	batch too large for the broker  cut in halves and sent again, down to one record: that one gets ErrTooLargeBroker
//	any other answer                *BrokerError for the records of that partition, at once
//	ctx of Produce ends             its error; the records go on their way
//	ctx of Run ends                 new records get ErrClosed, the queue is emptied, within MessageTimeout
//
// A failure of one partition never touches records of another. MessageTimeout is kept per batch, by its oldest record: a record may
// expire early by the time for which a batch takes records, which is Linger or a twentieth of MessageTimeout, at most a second.
//
// # Consumer
//
// Group membership is kafka-go's, with its dynamic members and the range assignment. Reading is ours: one connection and one goroutine
// per leader fetch for all of its partitions, a worker per partition hands batches to the handler. Committed is only what a handler
// has finished or marked, every CommitInterval and when partitions go away; so after a crash some records are read again, and none is
// left out. Aborted transactions are not read.
//
//	topic does not exist            waited for, logged once, not ready
//	no broker answers               the same
//	offset is not there any more    starts at OffsetReset, with a warning
//	handler gives an error          Run ends with it; the batch is not committed
//	work outlives its handler       ManualMark, and OnDrain to finish it before the last commit of a generation
//	handler hangs                   keeps its partition: heartbeats go on beside it. On revocation and stop it has HandlerGrace
//	commit fails                    tried again at the next interval
//	session lost, rebalance         the next generation begins at the committed offsets
//
// Tail reads without a group. Admin makes topics, waits for them, and lists them with their offsets.
package kafka
