import Dispatch
import Glibc
import Memory
import Synchronization
import Testing

@testable import MemoryStore

/// The threads that compute, and how much may wait for them.
@Suite(.timeLimit(.minutes(1)))
struct ComputeThreadsTests {
    /// Holds a thread until it is opened.
    private final class Gate: Sendable {
        private let isOpen = Mutex(false)
        let entered = Atomic(0)

        func open() { isOpen.withLock { $0 = true } }

        func pass() {
            entered.add(1, ordering: .relaxed)
            while !isOpen.withLock({ $0 }) { sched_yield() }
        }
    }

    private let later = ContinuousClock.now.advanced(by: .seconds(60))

    @Test func asMuchWaitsAsMayAndNoMore() async throws {
        let threads = try ComputeThreads(count: 2, waitingMax: 4)
        defer { threads.stop() }
        let gate = Gate()
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<2 {
                group.addTask {
                    try await threads.run(until: later) {
                        gate.pass()
                        return number
                    }
                }
            }
            while gate.entered.load(ordering: .relaxed) < 2 { await Task.yield() }
            for number in 2..<4 { group.addTask { try await threads.run(until: later) { number } } }
            while threads.waitingCount < 2 { await Task.yield() }
            // Half of the places are for what somebody waits for.
            await #expect(throws: MemoryError.self) { try await threads.run(isUrgent: false, until: later) { 0 } }
            for number in 4..<6 { group.addTask { try await threads.run(until: later) { number } } }
            while threads.waitingCount < 4 { await Task.yield() }
            let error = await #expect(throws: MemoryError.self) { try await threads.run(until: later) { 0 } }
            #expect(error?.code == .busy && error?.isRetriable == true)
            gate.open()
            let numbers = try await group.reduce(into: Set<Int?>()) { $0.insert($1) }
            #expect(numbers == Set(0..<6))
        }
        #expect(try await threads.run(until: later) { 7 } == 7, "the threads go on")
    }

    @Test func aLongOneHoldsUpNobodyWhileAnotherThreadIsFree() async throws {
        let threads = try ComputeThreads(count: 2, waitingMax: 100)
        defer { threads.stop() }
        let gate = Gate()
        async let long: Int? = threads.run(until: later) {
            gate.pass()
            return 1
        }
        while gate.entered.load(ordering: .relaxed) < 1 { await Task.yield() }
        for number in 0..<50 { #expect(try await threads.run(until: later) { number } == number) }
        gate.open()
        #expect(try await long == 1)
    }

    @Test func whatWaitsPastItsDeadlineIsToldSoAndNotDone() async throws {
        let threads = try ComputeThreads(count: 2, waitingMax: 4)
        defer { threads.stop() }
        let gate = Gate()
        defer { gate.open() }
        let given = Gate()
        // Without deadlines everything would wait for ever, and no test would fail.
        let watchdog = DispatchWorkItem { gate.open() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 20, execute: watchdog)
        defer { watchdog.cancel() }
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    try await threads.run(until: later) {
                        gate.pass()
                        return 1
                    }
                }
            }
            while gate.entered.load(ordering: .relaxed) < 2 { await Task.yield() }
            // All threads are held: nothing but the deadline can end these.
            for isUrgent in [true, false] {
                let deadline = ContinuousClock.now.advanced(by: .milliseconds(20))
                let late = try await threads.run(isUrgent: isUrgent, until: deadline) {
                    given.entered.add(1, ordering: .relaxed)
                    return 2
                }
                try #require(late == nil && ContinuousClock.now >= deadline)
            }
            #expect(threads.waitingCount == 0, "its place is free again")
            // One that can wait does, whoever else gives up.
            group.addTask { try await threads.run(until: later) { 3 } }
            while threads.waitingCount < 1 { await Task.yield() }
            #expect(try await threads.run(until: .now) { 4 } == nil)
            gate.open()
            let results = try await group.reduce(into: []) { $0.append($1) }
            #expect(results.compactMap(\.self).sorted() == [1, 1, 3])
        }
        #expect(given.entered.load(ordering: .relaxed) == 0, "what was given up is not computed")
    }
}
