package import Observability
import Synchronization

/// Sees to it that topics exist, for as long as it runs: a broker may come back from a restart without them.
///
/// It looks at intervals, at once after ``nudge()``, and quickly while the broker is away.
package final class TopicKeeper: Sendable {
    private static let attemptTimeout = Duration.seconds(2)
    private static let retryMilliseconds = 200

    private let admin: TopicAdmin
    private let topics: [TopicSpec]
    private let interval: Duration
    private let logger: Logger
    private let wakeup: Wakeup
    private let isStopped = Atomic(false)
    private let isHealthy = Atomic(false)
    private let onReturn: @Sendable () -> Void

    /// Makes a keeper of these topics.
    ///
    /// `interval` is how often it looks without cause; by default every second locally and every 30 s in production.
    /// `onReturn` hears, on a thread of the keeper, that the topics are there when they had not been.
    ///
    /// - Throws: ``BusError`` when librdkafka is too old or refuses the configuration.
    package init(
        configuration: BusConfiguration,
        topics: [TopicSpec],
        logger: Logger,
        interval: Duration? = nil,
        onReturn: @escaping @Sendable () -> Void = {}
    ) throws {
        admin = try TopicAdmin(configuration: configuration, logger: logger)
        self.topics = topics
        self.interval = interval ?? (configuration.profile == .local ? .seconds(1) : .seconds(30))
        self.logger = logger.with([.component: "bus.topics"])
        self.onReturn = onReturn
        wakeup = try Wakeup()
    }

    /// Whether all topics were there when it last looked: for readiness.
    package var areTopicsThere: Bool { isHealthy.load(ordering: .acquiring) }

    /// Creates what is missing, once; call it at start.
    ///
    /// - Throws: ``BusError``; retriable when the broker cannot be reached.
    package func ensure() async throws {
        try await admin.ensureTopics(topics)
        isHealthy.store(true, ordering: .releasing)
    }

    /// Something says that a topic is missing: look now.
    ///
    /// Does not wait.
    package func nudge() {
        wakeup.signal()
    }

    /// Keeps the topics until ``shutdown()`` or until the task is cancelled.
    ///
    /// Throws only when no thread can be had.
    package func run() async throws {
        try await withTaskCancellationHandler {
            try await DedicatedThread.run(name: "bus-topics") { self.keep() }
        } onCancel: {
            shutdown()
        }
    }

    /// Ends ``run()``.
    package func shutdown() {
        isStopped.store(true, ordering: .relaxed)
        wakeup.signal()
    }

    private func keep() {
        while !isStopped.load(ordering: .relaxed) {
            var pause = interval.wholeMilliseconds
            do {
                try admin.ensureNow(topics, timeout: Self.attemptTimeout)
                if !isHealthy.exchange(true, ordering: .acquiringAndReleasing) { onReturn() }
            } catch {
                if isHealthy.exchange(false, ordering: .acquiringAndReleasing) {
                    logger.warning("the topics cannot be seen to; it is tried again", [.error: .error(error)])
                }
                pause = Self.retryMilliseconds
            }
            wakeup.wait(milliseconds: pause)
        }
    }
}
