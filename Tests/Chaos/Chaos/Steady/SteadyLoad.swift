import Synchronization
import TestKit

/// A load that goes on evenly: clients come, hold a conversation, and go, and others come in their place.
final class SteadyLoad: Sendable {
    /// How much there is to do.
    struct Pace: Sendable {
        /// About how many turns a second all clients have together.
        var rate = 20
        /// How long clients come.
        var duration = Duration.seconds(1800)
        /// Turns of one conversation.
        var turns = 15
        /// The longest that a client thinks before it says something; on average half of it.
        var pauseMax = Duration.milliseconds(3500)
        /// Where the random numbers start.
        var seed: UInt64 = 20_260_131

        /// Clients at once: a turn takes about two seconds with the thinking before it.
        var clients: Int { rate * 2 }
    }

    private struct State {
        var next = 0
        var records: [SessionRecord] = []
    }

    /// What clients count together.
    let counters = LoadCounters()
    /// The time of the run.
    let clock = RunClock()
    private let pace: Pace
    private let state = Mutex(State())

    /// Prepares a load.
    init(_ pace: Pace) {
        self.pace = pace
    }

    /// What each client was told.
    var records: [SessionRecord] { state.withLock { $0.records } }

    /// Lets clients come until the time is over, and waits for the answers to what they said.
    func run(_ gateways: [PlatformClient]) async throws {
        try await LoadRun.withClients(of: gateways) { clients in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<pace.clients {
                    group.addTask { [self] in await comeAndGo(clients) }
                }
            }
        }
    }

    private func comeAndGo(_ clients: [PlatformClient]) async {
        while clock.now < pace.duration, !Task.isCancelled {
            let index = state.withLock { state in
                state.next += 1
                return state.next - 1
            }
            var random = SeededRandom(seed: pace.seed &+ UInt64(index))
            let plan = LoadPlan.session(index, turns: pace.turns, pauseMax: pace.pauseMax, &random)
            let record = SessionRecord(plan, clock: clock)
            state.withLock { $0.records.append(record) }
            await LoadSession(
                plan: plan,
                gateways: clients,
                record: record,
                counters: counters,
                clock: clock,
                patience: .seconds(60),
                limit: pace.duration
            ).run()
        }
    }
}
