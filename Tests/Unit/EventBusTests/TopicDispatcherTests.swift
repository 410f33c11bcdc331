import Synchronization
import Testing

@testable import EventBus

/// Counts from several tasks.
private final class Tally: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    func increment() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}

@Suite struct TopicDispatcherTests {
    private func dispatcher(_ change: (inout BusConfiguration) -> Void = { _ in }) throws -> TopicDispatcher {
        var configuration = BusConfiguration(bootstrapServers: "unused:1")
        change(&configuration)
        return try TopicDispatcher(configuration: configuration)
    }

    private func record(_ offset: Int64, _ key: String) -> BusRecord {
        BusRecord(topic: "t", partition: 0, offset: offset, key: key, value: [])
    }

    @Test func noRecordIsForgottenBetweenParkingAndWaking() async throws {
        let dispatcher = try dispatcher()
        dispatcher.assigned([0])
        let total = 20_000
        let seen = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    var outcome: TopicDispatcher.Outcome?
                    while let work = await dispatcher.next(after: outcome) {
                        if work.record.offset.isMultiple(of: 7) {
                            await Task.yield()
                        }
                        outcome = .finished(work)
                        if seen.increment() == total {
                            dispatcher.stop()
                        }
                    }
                }
            }
            group.addTask {
                var offset: Int64 = 0
                while offset < total {
                    let room = min(dispatcher.turn().room, 17, total - Int(offset))
                    guard room > 0 else {
                        await Task.yield()
                        continue
                    }
                    let batch = (0..<Int64(room)).map { self.record(offset + $0, "key-\((offset + $0) % 50)") }
                    dispatcher.received(batch)
                    offset += Int64(room)
                }
            }
        }
        #expect(seen.count == total)
        #expect(dispatcher.metrics.finished == UInt64(total) && dispatcher.metrics.inFlight == 0)
        #expect(dispatcher.takeCommits() == [0: Int64(total)])
    }

    @Test func aRecordThatComesWhileTasksParkIsTaken() async throws {
        let dispatcher = try dispatcher()
        dispatcher.assigned([0])
        let seen = Tally()
        // All unit tests share the threads of a machine that may be busy: what is left lying is never taken.
        let patience = Duration.seconds(180)
        let slowest = await withTaskGroup(of: Void.self, returning: Duration.self) { group in
            // One task, so that nobody else can take what it overlooks.
            group.addTask {
                var outcome: TopicDispatcher.Outcome?
                while let work = await dispatcher.next(after: outcome) {
                    outcome = .finished(work)
                    _ = seen.increment()
                }
            }
            // Nothing but the hand-in of the one record may wake a task: no turn, no further record.
            var slowest = Duration.zero
            for offset in Int64(0)..<30_000 where slowest < patience {
                let began = ContinuousClock.now
                dispatcher.received([record(offset, "key-\(offset)")])
                while seen.count <= offset, ContinuousClock.now - began < patience {
                    await Task.yield()
                }
                slowest = max(slowest, .now - began)
            }
            dispatcher.stop()
            return slowest
        }
        #expect(seen.count == 30_000)
        #expect(slowest < patience, "a record was left lying")
    }

    @Test func commitsAreDueByTimeOrByCount() async throws {
        let dispatcher = try dispatcher { $0.commitRecordsMax = 3 }
        dispatcher.assigned([0])
        let start = ContinuousClock.now
        #expect(dispatcher.turn(now: start).commits.isEmpty)
        dispatcher.received((0..<5).map { record($0, "key-\($0)") })
        var outcome: TopicDispatcher.Outcome?
        for offset in Int64(0)..<3 {
            let work = try #require(await dispatcher.next(after: outcome))
            #expect(work.record.offset == offset)
            outcome = .finished(work)
            #expect(dispatcher.turn(now: start).commits.isEmpty, "two are not three")
        }
        let work = try #require(await dispatcher.next(after: outcome))
        #expect(dispatcher.turn(now: start).commits == [0: 3], "three are enough")
        _ = try #require(await dispatcher.next(after: .finished(work)))
        #expect(dispatcher.turn(now: start + .milliseconds(199)).commits.isEmpty)
        #expect(dispatcher.turn(now: start + .milliseconds(200)).commits == [0: 4], "the time has come")
    }

    @Test func waitsAreBoundedByWhatIsDue() async throws {
        let dispatcher = try dispatcher()
        dispatcher.assigned([0])
        let start = ContinuousClock.now
        #expect(dispatcher.turn(now: start).waitMilliseconds == 1000, "nothing to do")
        dispatcher.received([record(0, "a")])
        #expect(dispatcher.turn(now: start).waitMilliseconds <= 200, "a commit may be due")
        let work = try #require(await dispatcher.next(after: nil))
        dispatcher.received([record(1, "b")])
        _ = await dispatcher.next(after: .failed(work, retryAt: start + .milliseconds(30)))
        #expect(dispatcher.turn(now: start).waitMilliseconds == 30, "a retry is due")
        #expect(dispatcher.metrics.retries == 1)
    }

    @Test func stopEndsParkedAndLaterCalls() async throws {
        let dispatcher = try dispatcher()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { await dispatcher.next(after: nil) == nil }
            }
            dispatcher.stop()
            for await isEnded in group {
                #expect(isEnded)
            }
        }
        #expect(await dispatcher.next(after: nil) == nil)
        #expect(dispatcher.turn().isStopping)
    }
}

@Suite struct BatchQueueTests {
    private func record(_ offset: Int64) -> BusRecord {
        BusRecord(topic: "t", partition: 0, offset: offset, key: nil, value: [])
    }

    @Test func roomEndsAtTheLimitAndComesBack() async throws {
        let wakeup = try Wakeup()
        let queue = BatchQueue(recordsMax: 3, wakeup: wakeup)
        queue.offer([record(0), record(1)])
        #expect(queue.room == 1)
        queue.offer([record(2)])
        #expect(queue.room == 0)
        #expect(await queue.next()?.map(\.offset) == [0, 1, 2])
        #expect(queue.room == 3)
        queue.stop()
        #expect(await queue.next() == nil)
    }

    @Test func everythingArrivesInOrder() async throws {
        let queue = BatchQueue(recordsMax: 10, wakeup: try Wakeup())
        let total = 5000
        await withTaskGroup(of: [Int64].self) { group in
            group.addTask {
                var seen: [Int64] = []
                while seen.count < total, let batch = await queue.next() {
                    seen += batch.map(\.offset)
                }
                return seen
            }
            group.addTask {
                var offset: Int64 = 0
                while offset < total {
                    guard queue.room > 0 else {
                        await Task.yield()
                        continue
                    }
                    queue.offer([self.record(offset)])
                    offset += 1
                }
                return []
            }
            for await seen in group where !seen.isEmpty {
                #expect(seen == (0..<Int64(total)).map { $0 })
            }
        }
    }
}
