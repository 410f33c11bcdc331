import TestKit

/// A network between two parts that is slow, breaks off, or swallows everything; and parts that fail now and then.
enum NetworkScenarios {
    /// All of the family.
    static let all: [Scenario] =
        Link.allCases.map { partition($0) } + [partition(.model, breakerOpen: .seconds(2))] + [
            isolatedWorker(.postgres),
            flaky("cache", .redis, 0.3), flaky("gateway", .gateway, 0.05),
            cutting("database_connections", .postgres), cutting("broker", .broker),
            Scenario(
                name: "random_failures.tools",
                summary: "30 % of all calls of tools fail with 503 after their effect",
                faults: { run in
                    run.markFault()
                    run.parts.effects.setFailures(0.3)
                }
            ),
            Scenario(
                name: "random_failures.policy",
                summary: "30 % of all questions to the policy engine fail",
                needs: [.policyServer],
                faults: { run in
                    run.markFault()
                    run.parts.policy?.setMood(.moody(0.3))
                }
            ),
        ]

    private static func partition(_ link: Link, breakerOpen: Duration? = nil) -> Scenario {
        // Nothing calls the model to see whether it is back, so its breaker stays open for its whole time.
        let recovery = link == .model && breakerOpen == nil ? ModelScenarios.breakerBar : .seconds(10)
        return Scenario(
            name: "network_partition.\(link.rawValue)" + ModelScenarios.suffix(breakerOpen),
            summary:
                "the way to the \(link.rawValue) is slow, then narrow, cut, half-closed each way, and silent for 8 s"
                + ModelScenarios.remark(breakerOpen),
            needs: [.proxy(link)],
            environment: ModelScenarios.settings(breakerOpen),
            // A policy engine behind a cut cannot be asked, which ends turns honestly.
            // The clients themselves go through the one in front of the gateway.
            bars: .init(recovery: recovery, mayFail: link == .policy, clientErrors: link == .gateway ? nil : 0),
            pauseMax: .milliseconds(1200),
            faults: { try await isolate(link, $0) }
        )
    }

    /// One of two workers loses a part that everybody else has: it must not write over what its successor does.
    private static func isolatedWorker(_ link: Link) -> Scenario {
        Scenario(
            name: "network_partition.one_worker_\(link.rawValue)",
            summary:
                "the way of one of two workers to the \(link.rawValue) is slow, then narrow, cut, half-closed "
                + "each way, and silent for 8 s",
            needs: [.secondWorker, .proxyOfFirstWorker(link)],
            bars: .init(recovery: .seconds(5)),
            pauseMax: .milliseconds(1200),
            faults: { try await isolate(link, $0) }
        )
    }

    private static func isolate(_ link: Link, _ run: ChaosRun) async throws {
        let proxy = try run.proxy(link)
        try await run.reach(0.15)
        run.markFault()
        proxy.setWeather(ProxyWeather(delay: .milliseconds(50)))
        try await Task.sleep(for: .seconds(2))
        proxy.setWeather(ProxyWeather(bytesPerSecond: 100_000))
        try await Task.sleep(for: .seconds(2))
        proxy.setWeather(ProxyWeather())
        proxy.send(.cut)
        try await Task.sleep(for: .seconds(1))
        for way in [TCPProxy.Way.down, .up] {
            proxy.send(.halfClose(way))
            try await Task.sleep(for: .seconds(1))
        }
        proxy.setWeather(ProxyWeather(isSilent: true))
        try await Task.sleep(for: .seconds(8))
        proxy.setWeather(ProxyWeather(isRefusing: true))
        proxy.send(.cut)
        try await Task.sleep(for: .seconds(2))
        proxy.setWeather(ProxyWeather())
        run.markReturn()
    }

    /// A link on which a part of all pieces of data ends its connection.
    private static func flaky(_ name: String, _ link: Link, _ part: Double) -> Scenario {
        Scenario(
            name: "random_failures.\(name)",
            summary: "\(Int(part * 100)) % of all pieces of data to or from the \(link.rawValue) end their connection",
            needs: [.proxy(link)],
            bars: .init(clientErrors: link == .gateway ? nil : 0),
            faults: { run in
                try await run.reach(0.1)
                run.markFault()
                try run.proxy(link).setWeather(ProxyWeather(failures: part))
                try await run.reach(0.9)
                try run.proxy(link).setWeather(ProxyWeather())
                run.markReturn()
            }
        )
    }

    /// A link on which 30 % of all connections are reset within each second, each at a random moment of it.
    ///
    /// 30 % of all pieces of data would be another thing: a connection needs many until it can be used, so that hardly
    /// any call would ever be made. Like this every call may be hit at any point of it, and there are calls.
    private static func cutting(_ name: String, _ link: Link) -> Scenario {
        Scenario(
            name: "random_failures.\(name)",
            summary: "30 % of all connections to the \(link.rawValue) are reset within each second",
            needs: [.proxy(link)],
            faults: { run in
                try await run.reach(0.1)
                run.markFault()
                try run.proxy(link).setWeather(ProxyWeather(cutsPerSecond: 0.3))
                try await run.reach(0.9)
                try run.proxy(link).setWeather(ProxyWeather())
                run.markReturn()
            }
        )
    }
}
