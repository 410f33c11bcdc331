import Glibc
import TestKit
import Testing

@testable import parley_chaos

/// The run in which nothing breaks compares the right samples.
@Suite struct SteadyTests {
    private static let window = ServiceMemory.Window(warmUp: .seconds(30), length: .seconds(30))

    private func memory(_ resident: (Int) -> Int) -> ServiceMemory {
        var memory = ServiceMemory()
        for second in stride(from: 0, through: 100, by: 10) {
            let sample = ServiceMemory.Sample(time: .seconds(second), resident: resident(second), anonymous: 0)
            memory.add(sample, of: "a")
        }
        return memory
    }

    @Test("What is held during the warm-up alone does not count; what grows later does")
    func warmUp() {
        for size in [10, 9000] {
            #expect(memory { $0 < 30 ? size : 1000 }.growths(Self.window).map(\.percent) == [0])
        }
        let grown = memory { $0 < 60 ? 1000 : 1051 }.growths(Self.window)
        #expect(grown.map(\.before) == [1000])
        #expect(grown.map(\.after) == [1051])
        #expect(grown[0].percent > SteadyRun.growthMax)
        #expect(memory { $0 < 60 ? 1000 : 1050 }.growths(Self.window)[0].percent <= SteadyRun.growthMax)
    }

    @Test("One sample that is high or low is no growth, two of three are, and a service that was never seen has none")
    func median() {
        for odd in [40, 80, 90, 100] {
            for size in [10, 9000] {
                #expect(memory { $0 == odd ? size : 1000 }.growths(Self.window)[0].percent == 0, "\(size) at \(odd) s")
            }
        }
        #expect(memory { $0 >= 90 ? 9000 : 1000 }.growths(Self.window)[0].after == 9000)
        #expect(memory { (40...50).contains($0) ? 9000 : 1000 }.growths(Self.window)[0].before == 9000)
        #expect(ServiceMemory().growths(Self.window).isEmpty)
    }

    @Test(
        "A run is judged by faults, answers, clients and the growth of three services, at the bar and over it"
    )
    func verdict() {
        func growths(_ after: Int, count: Int = 3) -> [ServiceMemory.Growth] {
            (0..<count).map { ServiceMemory.Growth(program: "\($0)", before: 1000, after: after) }
        }
        func misses(
            _ growths: [ServiceMemory.Growth],
            _ change: (inout History, LoadCounters) -> Void = { _, _ in }
        ) -> [String] {
            let load = SteadyLoad(SteadyLoad.Pace())
            var history = History()
            change(&history, load.counters)
            return SteadyResult(history, load, growths).misses
        }
        #expect(misses(growths(1050)) == [])
        #expect(misses(growths(1051)).count == 3)
        #expect(misses(growths(1000, count: 2)) == ["memory of 2 services was seen"])
        #expect(misses(growths(1000)) { _, counters in counters.gaveUp() } == ["clients gave up 1 messages"])
        #expect(misses(growths(1000)) { _, counters in counters.failed("500") } == ["client error 500: 1"])
        #expect(misses(growths(1000)) { history, _ in history.chargedTokens = 1 } == ["charged_twice 1"])
        let unanswered = misses(growths(1000)) { history, _ in
            var message = ToldMessage(number: 0, text: "talk a/0")
            message.acceptedIDs = ["a"]
            history.sessions = [SessionTold(id: "a", messages: [message])]
        }
        #expect(unanswered == ["lost 1", "answered 0 of 1"])
    }

    @Test("A process's memory is read from the kernel")
    func look() throws {
        let sample = try ServiceMemory.look(at: getpid(), time: .seconds(1))
        #expect(sample.resident > 1000)
        #expect(sample.anonymous > 0 && sample.anonymous < sample.resident)
        #expect(throws: ChaosError.self) { try ServiceMemory.look(at: -1, time: .zero) }
    }

    @Test("A short run with clients that come and go is answered and has the memory of all services")
    func runs() async throws {
        var run = SteadyRun()
        run.pace = SteadyLoad.Pace(rate: 5, duration: .seconds(8), turns: 3, pauseMax: .milliseconds(800))
        run.interval = .seconds(1)
        let result = try await run.run()
        #expect(result.verdict.findings.isEmpty, "\(result.details)")
        #expect(result.verdict.accepted > 10)
        #expect(result.verdict.answered == result.verdict.accepted)
        #expect(result.growths.map(\.program) == ["parley-executor", "parley-gateway", "parley-worker"])
    }
}
