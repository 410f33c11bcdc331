import Lifecycle
import ServiceKit
import Synchronization
import Testing

/// A service that notes what is asked of it.
private final class Noting: Service {
    let name = "noting"
    let ran = Atomic(0)
    let ended = Atomic(0)
    private let stopped = ReadinessGate()

    func run() async throws {
        ran.wrappingAdd(1, ordering: .relaxed)
        try await stopped.wait()
    }

    func shutdown() async {
        ended.wrappingAdd(1, ordering: .relaxed)
        stopped.open()
    }
}

@Suite(.timeLimit(.minutes(1)))
struct LoopServiceTests {
    @Test func twoFunctionsMakeAService() async throws {
        let gate = ReadinessGate()
        let service = LoopService("loop", run: { try await gate.wait() }, shutdown: { gate.open() })
        #expect(service.name == "loop")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            await service.shutdown()
            try await group.waitForAll()
        }
    }

    @Test func theWorkBeginsWhenTheGateOpens() async throws {
        let (gate, noting) = (ReadinessGate(), Noting())
        let service = LoopService("gated", after: gate, noting)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            for _ in 0..<100 {
                await Task.yield()
            }
            #expect(noting.ran.load(ordering: .relaxed) == 0)
            gate.open()
            while noting.ran.load(ordering: .relaxed) == 0 {
                await Task.yield()
            }
            await service.shutdown()
            try await group.waitForAll()
        }
        #expect(noting.ran.load(ordering: .relaxed) == 1)
        #expect(noting.ended.load(ordering: .relaxed) == 1)
    }

    @Test func shutDownBeforeTheGateOpensItNeverBegins() async throws {
        let (gate, noting) = (ReadinessGate(), Noting())
        let service = LoopService("gated", after: gate, noting)
        await service.shutdown()
        try await service.run()
        gate.open()
        try await service.run()
        #expect(noting.ran.load(ordering: .relaxed) == 0)
    }

    @Test func aGateThatNeverOpensLetsACancelledTaskGo() async {
        let gate = ReadinessGate()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await gate.wait()
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            group.cancelAll()
            #expect(await group.next() == true)
        }
        #expect(!gate.isOpen)
    }
}
