import Lifecycle
import Synchronization

/// A consumer with its handler, as a part of a program.
package struct BusConsumerService: Service {
    /// The part's name, in log lines.
    package let name: String
    private let consumer: BusConsumer
    private let handler: @Sendable (BusRecord) async throws -> Void

    /// Makes a part out of a consumer.
    package init(
        name: String,
        consumer: BusConsumer,
        handler: @escaping @Sendable (BusRecord) async throws -> Void
    ) {
        self.name = name
        self.consumer = consumer
        self.handler = handler
    }

    /// Handles records until the shutdown; see ``BusConsumer/run(handler:)``.
    package func run() async throws {
        try await consumer.run(handler: handler)
    }

    /// Starts no more handlers.
    package func shutdown() async {
        consumer.shutdown()
    }
}

/// A reader with its handler, as a part of a program.
package struct BusReaderService: Service {
    /// The part's name, in log lines.
    package let name: String
    private let reader: BusReader
    private let handler: @Sendable ([BusRecord]) async -> Void

    /// Makes a part out of a reader.
    package init(name: String, reader: BusReader, handler: @escaping @Sendable ([BusRecord]) async -> Void) {
        self.name = name
        self.reader = reader
        self.handler = handler
    }

    /// Reads until the shutdown; see ``BusReader/run(handler:)``.
    package func run() async throws {
        try await reader.run(handler: handler)
    }

    /// Reads nothing more.
    package func shutdown() async {
        reader.shutdown()
    }
}

/// A producer as a part of a program: it is closed at shutdown.
///
/// Put it before the parts that publish, so that it stops after them.
package final class BusProducerService: Service {
    private struct State {
        var isStopped = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    /// The part's name, in log lines.
    package let name: String
    private let producer: BusProducer
    private let closeTimeout: Duration
    private let state = Mutex(State())

    /// Makes a part out of a producer, whose records have `closeTimeout` at shutdown to be acknowledged.
    package init(name: String, producer: BusProducer, closeTimeout: Duration = .seconds(5)) {
        self.name = name
        self.producer = producer
        self.closeTimeout = closeTimeout
    }

    /// Waits for the shutdown and closes the producer.
    package func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isStopped = state.withLock { state in
                    if !state.isStopped {
                        state.waiting = continuation
                    }
                    return state.isStopped
                }
                if isStopped {
                    continuation.resume()
                }
            }
        } onCancel: {
            stop()
        }
        await producer.close(timeout: Task.isCancelled ? .zero : closeTimeout)
    }

    /// Ends the wait.
    package func shutdown() async {
        stop()
    }

    private func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            let waiting = state.waiting
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
    }
}

extension TopicKeeper: Service {
    /// The part's name, in log lines.
    package var name: String { "topic-keeper" }
}
