import Synchronization
import TestKit

/// A scenario while it runs: what its faults may take hold of.
final class ChaosRun: Sendable {
    private struct Marks {
        var faults: [Duration] = []
        var returns: [Duration] = []
    }

    /// The platform.
    let platform: Platform
    /// What stands around it.
    let parts: ChaosParts
    /// The model.
    let model: ChaosModel
    /// The second worker, if the scenario needs one.
    let secondWorker: PlatformService?
    /// The second executor, if the scenario needs one.
    let secondExecutor: PlatformService?
    /// The second gateway, if the scenario needs one.
    let secondGateway: PlatformService?
    /// The load.
    let load: LoadRun
    private let marks = Mutex(Marks())

    /// Prepares the parts that a scenario needs, and starts those that it has besides the platform's.
    init(_ platform: Platform, _ parts: ChaosParts, _ scenario: Scenario, _ size: LoadPlan.Size) async throws {
        self.platform = platform
        self.parts = parts
        model = ChaosModel(platform.model.server, seed: size.seed)
        func another(_ need: Scenario.Need, _ program: String) async throws -> PlatformService? {
            guard scenario.needs.contains(need) else { return nil }
            let service = try platform.addService(program)
            try await service.start()
            return service
        }
        secondWorker = try await another(.secondWorker, "parley-worker")
        secondExecutor = try await another(.secondExecutor, "parley-executor")
        secondGateway = try await another(.secondGateway, "parley-gateway")
        load = LoadRun(LoadPlan(size, pauseMax: scenario.pauseMax))
    }

    /// The gateways that clients go to.
    var gateways: [PlatformClient] {
        if let proxy = parts.proxies[.gateway] {
            proxy.setTargets([platform.gateway.port] + (secondGateway.map { [$0.port] } ?? []))
            return [platform.client.onPort(proxy.port)]
        }
        return [platform.client] + (secondGateway.map { [platform.client.onPort($0.port)] } ?? [])
    }

    /// Waits until a part of all turns has ended.
    func reach(_ part: Double) async throws {
        let count = Int(Double(load.total) * part)
        try await eventually("\(count) turns", timeout: .seconds(300), interval: .milliseconds(5)) {
            load.counters.answered >= count
        }
    }

    /// The proxy in front of a part.
    /// - Throws: ``ChaosError`` when the scenario does not say that it needs it.
    func proxy(_ link: Link) throws -> TCPProxy {
        guard let proxy = parts.proxies[link] else { throw ChaosError("the scenario needs a proxy of \(link)") }
        return proxy
    }

    /// Notes that something breaks now.
    func markFault() {
        let now = load.clock.now
        marks.withLock { $0.faults.append(now) }
    }

    /// Notes that what was broken is back now: recovery counts from here.
    func markReturn() {
        let now = load.clock.now
        marks.withLock { $0.returns.append(now) }
    }

    /// When things broke.
    var faults: [Duration] { marks.withLock { $0.faults } }
    /// When they were back.
    var returns: [Duration] { marks.withLock { $0.returns } }
}
