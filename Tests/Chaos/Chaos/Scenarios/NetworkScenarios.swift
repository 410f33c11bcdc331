import TestKit

/// A network between two parts that is slow, breaks off, or swallows everything; and parts that fail now and then.
enum NetworkScenarios {
    /// All of the family.
    static let all: [Scenario] =
        Link.allCases.map(partition) + [
            flaky("cache", .redis, 0.3), flaky("database", .postgres, 0.02), flaky("broker", .broker, 0.02),
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
                summary: "30 % of all questions to the policy engine fail: what cannot be decided is denied",
                needs: [.policyServer],
                bars: .init(mayFail: true),
                faults: { run in
                    run.markFault()
                    run.parts.policy?.setMood(.moody(0.3))
                }
            ),
        ]

    private static func partition(_ link: Link) -> Scenario {
        // A policy engine or a model that is behind a cut cannot be asked, which ends turns honestly.
        let mayFail = link == .policy || link == .model
        return Scenario(
            name: "network_partition.\(link.rawValue)",
            summary: "the way to the \(link.rawValue) is slow, then narrow, cut, half-closed, and silent for 8 s",
            needs: [.proxy(link)],
            bars: .init(recovery: .seconds(10), mayFail: mayFail),
            faults: { run in
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
                proxy.send(.halfClose)
                try await Task.sleep(for: .seconds(1))
                proxy.setWeather(ProxyWeather(isSilent: true))
                try await Task.sleep(for: .seconds(8))
                proxy.setWeather(ProxyWeather(isRefusing: true))
                proxy.send(.cut)
                try await Task.sleep(for: .seconds(2))
                proxy.setWeather(ProxyWeather())
                run.markReturn()
            }
        )
    }

    /// A link on which a part of all pieces of data ends its connection.
    private static func flaky(_ name: String, _ link: Link, _ part: Double) -> Scenario {
        Scenario(
            name: "random_failures.\(name)",
            summary: "\(Int(part * 100)) % of all pieces of data to or from the \(link.rawValue) end their connection",
            needs: [.proxy(link)],
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
}
