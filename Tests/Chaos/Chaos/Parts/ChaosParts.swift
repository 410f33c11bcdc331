import TestKit

/// What stands around the platform of a run.
struct ChaosParts: Sendable {
    /// Proxies by the part that they stand in front of.
    var proxies: [Link: TCPProxy] = [:]

    /// Prepares what a scenario needs.
    static func make(_ needs: Set<Scenario.Need>) async throws -> ChaosParts {
        ChaosParts()
    }

    /// The settings of services that lead to these parts.
    func settings(_ addresses: PlatformAddresses) async throws -> [String: String] {
        [:]
    }

    /// Ends everything.
    func stop() async {}
}

final class TCPProxy: Sendable {
    let port: UInt16 = 0
}
