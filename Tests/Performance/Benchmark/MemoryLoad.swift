import EventLoop
import Synchronization

/// Clients of the memory, each with a connection of its own and a list of requests, which it sends one after another.
enum MemoryLoad {
    /// A request, and what its latency counts as.
    struct Request: Sendable {
        let kind: String
        let bytes: [UInt8]
    }

    /// What came of it.
    struct Outcome: Sendable {
        /// The latencies of the answers with 200, in milliseconds, by kind.
        var latencies: [String: [Double]] = [:]
        /// Other answers, and connections that ended.
        var errors = 0
        /// The time from the first request to the last answer.
        var elapsed = Duration.zero

        /// How many answers with 200 there were.
        var count: Int { latencies.values.reduce(0) { $0 + $1.count } }

        /// The latency that a share of the answers of a kind was not over, in milliseconds.
        func quantile(_ share: Double, _ kind: String) -> Double {
            let sorted = (latencies[kind] ?? []).sorted()
            guard !sorted.isEmpty else { return .infinity }
            return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        }

        /// The mean latency of a kind, in milliseconds.
        func mean(_ kind: String) -> Double {
            let all = latencies[kind] ?? []
            return all.isEmpty ? .infinity : all.reduce(0, +) / Double(all.count)
        }
    }

    private final class State: @unchecked Sendable {
        // Unchecked, because the loop's thread alone touches it until the run is over.
        var outcome = Outcome()
        var connections: [LoadConnection] = []
        var open = 0
        var started = ContinuousClock.now
        var done: CheckedContinuation<Outcome, Never>?
    }

    /// Sends every client's requests, all clients at once.
    static func run(port: UInt16, _ clients: [[Request]]) async throws -> Outcome {
        let loop = try EpollLoop.start(name: "memory-load")
        let state = State()
        let outcome = await withCheckedContinuation { continuation in
            loop.execute {
                state.done = continuation
                state.open = clients.count
                state.started = .now
                for requests in clients {
                    do {
                        try begin(requests, LoadConnection(port: port, loop: loop), state)
                    } catch {
                        state.outcome.errors += 1
                        end(state)
                    }
                }
            }
        }
        loop.execute {
            for connection in state.connections { connection.end() }
            loop.stop()
        }
        return outcome
    }

    private static func begin(_ requests: [Request], _ connection: LoadConnection, _ state: State) {
        state.connections.append(connection)
        var position = 0
        var sent = ContinuousClock.now
        connection.onInput = { connection in
            while let answer = LoadProtocols.answer(in: connection.input) {
                connection.consume(answer.size)
                if answer.status == 200 {
                    let latency = sent.duration(to: .now).milliseconds
                    state.outcome.latencies[requests[position].kind, default: []].append(latency)
                } else {
                    state.outcome.errors += 1
                }
                position += 1
                guard position < requests.count else {
                    end(state)
                    return
                }
                sent = .now
                connection.send(requests[position].bytes)
            }
        }
        sent = .now
        connection.send(requests[0].bytes)
    }

    private static func end(_ state: State) {
        state.open -= 1
        guard state.open == 0 else { return }
        state.outcome.elapsed = state.started.duration(to: .now)
        state.done?.resume(returning: state.outcome)
        state.done = nil
    }
}
