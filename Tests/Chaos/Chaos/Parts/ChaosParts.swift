import TestKit

/// What stands around the platform of a run.
struct ChaosParts: Sendable {
    /// The tools.
    let effects: EffectServer
    /// The policy engine as a server, if the scenario needs one.
    let policy: PolicyServer?
    /// The model that is asked when the first does not answer, if the scenario needs one.
    let fallback: ScriptedModelServer?
    /// The disk that Postgres is on, if the scenario needs a small one.
    let disk: SmallDisk?
    /// The wall clock of one service, if the scenario needs to move it.
    let clock: JumpingClock?
    /// Proxies by the part that they stand in front of.
    let proxies: [Link: TCPProxy]

    /// Prepares what a scenario needs, and the options of a platform amid it.
    static func make(
        _ scenario: Scenario,
        seed: UInt64,
        environment: [String: String]
    ) async throws -> (ChaosParts, PlatformOptions) {
        var options = PlatformOptions()
        options.ownsPostgres = true
        options.environment = environment.merging(scenario.environment) { _, new in new }
        let effects = try await EffectServer(seed: seed)
        var proxies: [Link: TCPProxy] = [:]
        for link in Link.allCases
        where !scenario.needs.isDisjoint(with: [.proxy(link), .proxyOfFirstWorker(link)]) {
            proxies[link] = try TCPProxy(seed: seed)
        }
        proxies[.tools]?.setTargets([effects.port])
        try options.setTools(effects.entries(port: proxies[.tools]?.port ?? effects.port))
        var policy: PolicyServer?
        if !scenario.needs.isDisjoint(with: [.policyServer, .proxy(.policy)]) {
            policy = try await PolicyServer(policies: options.environment["PARLEY_POLICY_DIR"] ?? "", seed: seed)
        }
        let disk = scenario.needs.contains(.smallDisk) ? try await SmallDisk(megabytes: 256) : nil
        options.postgresFolder = disk?.folder
        let clock = try clock(scenario.needs, &options)
        let fallback = scenario.needs.contains(.fallbackModel) ? try fallbackModel(seed, &options) : nil
        let parts = ChaosParts(
            effects: effects,
            policy: policy,
            fallback: fallback,
            disk: disk,
            clock: clock,
            proxies: proxies
        )
        options.brokerAdvertisedPort = proxies[.broker]?.port
        let forAll = parts.proxies.filter { scenario.needs.contains(.proxy($0.key)) }
        options.rewire = { parts.settings($0, through: forAll) }
        options.rewireFirstWorker = { parts.settings($0, through: parts.proxies) }
        return (parts, options)
    }

    private static func fallbackModel(_ seed: UInt64, _ options: inout PlatformOptions) throws -> ScriptedModelServer {
        let server = try ScriptedModelServer()
        _ = ChaosModel(server, seed: seed + 1)
        options.environment["PARLEY_MODEL_FALLBACK_BASE_URL"] = server.baseURL
        options.environment["PARLEY_MODEL_FALLBACK_NAME"] = "fallback"
        return server
    }

    private static func clock(
        _ needs: Set<Scenario.Need>,
        _ options: inout PlatformOptions
    ) throws -> JumpingClock? {
        for (service, settings) in [
            ("gateway", \PlatformOptions.gateway), ("worker", \.worker), ("executor", \.executor),
        ] where needs.contains(.jumpingClock(service)) {
            let clock = try JumpingClock()
            options[keyPath: settings].merge(clock.environment) { _, new in new }
            return clock
        }
        return nil
    }

    /// Points the proxies at their targets.
    /// - Returns: The settings of services that lead to these parts.
    private func settings(_ addresses: PlatformAddresses, through proxies: [Link: TCPProxy]) -> [String: String] {
        var settings: [String: String] = [:]
        let ports = [
            Link.postgres: addresses.postgres, .redis: addresses.redis, .broker: addresses.broker,
            .model: addresses.model, .policy: policy?.port ?? 0,
        ]
        func way(_ link: Link) -> UInt16 {
            guard let proxy = proxies[link] else { return ports[link] ?? 0 }
            proxy.setTargets([ports[link] ?? 0])
            return proxy.port
        }
        settings["PARLEY_DATABASE_URL"] = addresses.databaseURL(port: way(.postgres))
        settings["PARLEY_REDIS_URL"] = "redis://127.0.0.1:\(way(.redis))/0"
        settings["PARLEY_KAFKA_BROKERS"] = "127.0.0.1:\(way(.broker))"
        settings["PARLEY_MODEL_BASE_URL"] = "http://127.0.0.1:\(way(.model))/v1"
        if policy != nil { settings["PARLEY_OPA_URL"] = "http://127.0.0.1:\(way(.policy))" }
        return settings
    }

    /// Ends everything.
    func stop() async {
        await effects.stop()
        await policy?.stop()
        fallback?.stop()
        for proxy in proxies.values { proxy.send(.stop) }
        await disk?.discard()
    }
}
