import EventBus
import Glibc
import Observability
import TestKit
import Testing

/// Times are reported; the bounds are wide, and only there to catch the traps: long polls that sleep for half a second,
/// a task or a thread per record.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct PerformanceTests {
    @Test("One hop from publish to handler is quick")
    func hop() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let (arrivals, arrive) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
            try await running(try fixture.consumer(), { _ in arrive.yield(.now) }) {
                var iterator = arrivals.makeAsyncIterator()
                try await producer.publish([fixture.record("warm", "")])
                _ = await iterator.next()
                var hops: [Duration] = []
                var acknowledgements: [Duration] = []
                for number in 0..<200 {
                    try await Task.sleep(for: .milliseconds(.random(in: 1...15)))
                    let began = ContinuousClock.now
                    try await producer.publish([fixture.record("key-\(number)", "x")])
                    acknowledgements.append(.now - began)
                    let arrival = await iterator.next()
                    hops.append(try #require(arrival) - began)
                }
                hops.sort()
                acknowledgements.sort()
                print("hop p50 \(hops[100]), p99 \(hops[198]); acknowledged p50 \(acknowledgements[100])")
                #expect(hops[100] < .milliseconds(200))
            }
            await producer.close()
        }
    }

    @Test("Many records pass through a handler that does nothing")
    func throughput() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 4)
            try await fixture.makeTopic()
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let total = 60_000
            let body = String(repeating: "x", count: 300)
            let headers = [BusHeader("tenant", "acme"), BusHeader("schema", "conversation_event")]
            let published = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for part in 0..<30 {
                    group.addTask {
                        let records = (0..<total / 30).map {
                            fixture.record("session-\(part)-\($0 % 50)", body, headers)
                        }
                        try await producer.publish(records)
                    }
                }
                try await group.waitForAll()
            }
            print("published \(total) in \(ContinuousClock.now - published)")
            await producer.close()
            let consumer = try fixture.consumer(concurrency: 256)
            let first = Collected()
            try await running(consumer, { if first.count == 0 { first.append($0) } }) {
                try await eventually("the first") { first.count > 0 }
                let began = ContinuousClock.now
                let (cpu, done) = (cpuSeconds(), consumer.metrics.finished)
                try await eventually("all records") { consumer.metrics.finished == total }
                let seconds = (ContinuousClock.now - began) / .seconds(1)
                let count = Double(UInt64(total) - done)
                let microseconds = (cpuSeconds() - cpu) * 1e6 / count
                print("consumed \(Int(count)) at \(Int(count / seconds))/s, \(microseconds) µs CPU each")
                #expect(count / seconds > 3000)
            }
        }
    }
}

/// User and system time of this process.
private func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
