import Synchronization
import Testing

@testable import Postgres

@Suite("Group commit", .timeLimit(.minutes(1)))
struct GroupCommitTests {
    private struct Bad: Error {}

    /// Records the batches that were carried out, and lets a test hold them.
    private final class Recorder: Sendable {
        private struct State {
            var batches: [[Int]] = []
            var running = 0
            var mostRunning = 0
        }
        private let state = Mutex(State())

        var batches: [[Int]] { state.withLock { $0.batches } }
        var mostRunning: Int { state.withLock { $0.mostRunning } }

        func begin(_ batch: [Int]) {
            state.withLock { state in
                state.batches.append(batch)
                state.running += 1
                state.mostRunning = max(state.mostRunning, state.running)
            }
        }

        func end() { state.withLock { $0.running -= 1 } }
    }

    private func with<Value: Sendable>(
        _ commits: GroupCommit<Int, Int>,
        _ body: (GroupCommit<Int, Int>) async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await commits.run() }
            let value = try await body(commits)
            commits.close()
            try await group.waitForAll()
            return value
        }
    }

    @Test("many callers share few batches, each gets its own answer, and no more run than allowed")
    func sharing() async throws {
        let recorder = Recorder()
        let commits = GroupCommit<Int, Int>(configuration: .init(concurrency: 2, batchMax: 128)) { numbers in
            recorder.begin(numbers)
            for _ in 0..<20 { await Task.yield() }
            recorder.end()
            return numbers.map { .success($0 * 2) }
        }
        let answers = try await with(commits) { commits in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1000 { group.addTask { try await commits.submit(number) == number * 2 } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        #expect(answers == 1000)
        #expect(recorder.batches.joined().sorted() == Array(0..<1000), "each request is carried out once")
        #expect(recorder.batches.count < 500)
        #expect(recorder.batches.allSatisfy { $0.count <= 128 })
        #expect(recorder.mostRunning <= 2)
    }

    @Test("one bad request in a batch that failed as a whole harms only itself")
    func oneBad() async throws {
        let recorder = Recorder()
        let commits = GroupCommit<Int, Int>(configuration: .init(concurrency: 1)) { numbers in
            recorder.begin(numbers)
            defer { recorder.end() }
            // As in one transaction: a bad one fails all.
            return numbers.map { numbers.contains(13) ? .failure(Bad()) : .success($0) }
        }
        let failed = try await with(commits) { commits in
            await withTaskGroup(of: Int?.self) { group in
                for number in 0..<100 {
                    group.addTask { (try? await commits.submit(number)) == nil ? number : nil }
                }
                return await group.reduce(into: [Int]()) { failed, number in
                    if let number { failed.append(number) }
                }
            }
        }
        #expect(failed == [13])
    }

    @Test("one bad request harms only itself too when some of its batch were answered without the transaction")
    func oneBadBesideAnswers() async throws {
        let recorder = Recorder()
        let commits = GroupCommit<Int, Int>(configuration: .init(concurrency: 1)) { numbers in
            recorder.begin(numbers)
            defer { recorder.end() }
            // As with sessions that are unknown: they need no transaction, and the bad one fails all that do.
            return numbers.map { number in
                if number % 2 == 0 { return .success(-number) }
                return numbers.contains(13) ? .failure(Bad()) : .success(number)
            }
        }
        let answers = try await withThrowingTaskGroup(of: (Int, Int?).self) { group in
            for number in 0..<20 { group.addTask { (number, try? await commits.submit(number)) } }
            while commits.queuedCount < 20 { await Task.yield() }
            commits.close()
            await commits.run()
            return try await group.reduce(into: [Int: Int?]()) { $0[$1.0] = .some($1.1) }
        }
        for number in 0..<20 where number != 13 {
            #expect(answers[number] == .some(.some(number % 2 == 0 ? -number : number)))
        }
        #expect(answers[13] == .some(.none))
        #expect(
            recorder.batches.map(\.count) == [20] + Array(repeating: 1, count: 10),
            "what succeeded is not repeated"
        )
    }

    @Test("a batch that failed for want of a connection is not tried again one by one")
    func connectionLost() async throws {
        let recorder = Recorder()
        let commits = GroupCommit<Int, Int>(configuration: .init(concurrency: 1)) { numbers in
            recorder.begin(numbers)
            defer { recorder.end() }
            return numbers.map { _ in .failure(PostgresError(.connection, "lost")) }
        }
        let failed = try await with(commits) { commits in
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<100 { group.addTask { (try? await commits.submit(number)) == nil } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        #expect(failed == 100)
        #expect(recorder.batches.joined().count == 100)
    }

    @Test("requests of one key never run in two batches at once")
    func keys() async throws {
        let running = Mutex<[Int: Int]>([:])
        let collisions = Atomic<Int>(0)
        let commits = GroupCommit<Int, Int>(
            configuration: .init(concurrency: 4, batchMax: 3),
            key: { "\($0 % 5)" },
            execute: { numbers in
                let keys = Set(numbers.map { $0 % 5 })
                running.withLock { running in
                    for key in keys {
                        running[key, default: 0] += 1
                        if running[key] != 1 { collisions.add(1, ordering: .relaxed) }
                    }
                }
                for _ in 0..<5 { await Task.yield() }
                running.withLock { running in
                    for key in keys { running[key, default: 0] -= 1 }
                }
                return numbers.map { .success($0) }
            }
        )
        let count = try await with(commits) { commits in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<300 { group.addTask { try await commits.submit(number) } }
                return try await group.reduce(0) { count, _ in count + 1 }
            }
        }
        #expect(count == 300)
        #expect(collisions.load(ordering: .relaxed) == 0)
    }

    @Test("over the queue's limit it says so at once; closed it refuses and finishes what it took")
    func limits() async throws {
        let commits = GroupCommit<Int, Int>(configuration: .init(concurrency: 1, queueMax: 2)) { numbers in
            numbers.map { .success($0) }
        }
        // Nothing runs yet, so the first two stay in the queue.
        async let first = commits.submit(1)
        async let second = commits.submit(2)
        while commits.queuedCount < 2 { await Task.yield() }
        let overloaded = await #expect(throws: PostgresError.self) { try await commits.submit(3) }
        #expect(overloaded?.code == .overloaded)
        commits.close()
        let closed = await #expect(throws: PostgresError.self) { try await commits.submit(4) }
        #expect(closed?.code == .closed)
        await commits.run()
        #expect(try await [first, second] == [1, 2])
    }

    @Test("a cancelled caller leaves the queue")
    func cancel() async throws {
        let recorder = Recorder()
        let commits = GroupCommit<Int, Int> { numbers in
            recorder.begin(numbers)
            return numbers.map { .success($0) }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) { _ = try await commits.submit(1) }
            }
            while commits.queuedCount < 1 { await Task.yield() }
            group.cancelAll()
        }
        #expect(commits.queuedCount == 0)
        commits.close()
        await commits.run()
        #expect(recorder.batches.isEmpty)
    }
}
