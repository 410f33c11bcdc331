import EventBus
import Lifecycle
import Observability
import Store
import Synchronization

/// Takes this process's part of a group's partitions, keeps it, and gives it back at the end.
///
/// It is stopped after the consumers, which commit what they have finished before others read on.
final class GroupMember: Service {
    /// How often it looks while something is on its way.
    private static let soon = Duration.milliseconds(100)
    /// How long the last word may take: what is not given back runs out by itself.
    private static let leaveTimeout = Duration.seconds(2)

    let name = "group"
    let shares: PartitionShares
    private let store: GroupStore
    private let interval: Duration
    private let logger: Logger
    private let shutdownSignal = ShutdownSignal()
    private let state: Mutex<GroupMemberStateMachine>

    /// Makes a member.
    /// - Parameters:
    ///   - store: Who has what.
    ///   - shares: What is told to the consumers.
    ///   - interval: How often a sign of life is given.
    ///   - lease: How long it counts.
    ///   - logger: For what could not be done.
    init(store: GroupStore, shares: PartitionShares, interval: Duration, lease: Duration, logger: Logger) {
        self.store = store
        self.shares = shares
        self.interval = interval
        self.logger = logger
        state = Mutex(GroupMemberStateMachine(lease: lease))
    }

    /// Whether it has had its part, at least once.
    var hasJoined: Bool { state.withLock(\.hasJoined) }

    func run() async throws {
        var notice = RareNotice()
        var pause = Duration.zero
        while await !shutdownSignal.wait(atMost: pause) {
            do {
                try await renew()
            } catch {
                if notice.isDue(now: .now) {
                    logger.warning(
                        "the share of the partitions cannot be renewed: trying again",
                        [.error: .error(error)]
                    )
                }
            }
            pause = state.withLock(\.isUnsettled) || !hasJoined ? Self.soon : interval
        }
        await leave()
    }

    func shutdown() async {
        shutdownSignal.raise()
    }

    private func renew() async throws {
        let (returning, mayTake) = state.withLock { machine in
            (machine.returning(reading: shares.reading), machine.mayTake(now: .now))
        }
        let share = try await store.renew(
            returning: returning,
            partitionCount: shares.partitionCount,
            mayTake: mayTake
        )
        shares.grant(state.withLock { $0.answered(share, now: .now) })
        if shares.isSettled { state.withLock { $0.settled() } }
    }

    private func leave() async {
        do {
            try await withTimeout(Self.leaveTimeout) { [store] in try await store.leave() }
        } catch {
            logger.warning("the share of the partitions is left until it runs out", [.error: .error(error)])
        }
    }
}
