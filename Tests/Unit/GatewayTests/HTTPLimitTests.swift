import Configuration
import HTTPServer
import Testing

@testable import parley_gateway

/// Each limit of the HTTP server has a setting.
struct HTTPLimitTests {
    private static func read(_ settings: [String: String]) throws -> HTTPServerConfiguration {
        let required = ["PARLEY_DATABASE_URL": "postgres://u@127.0.0.1/d", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1"]
        var environment = EnvironmentReader(required.merging(settings) { _, new in new })
        let configuration = GatewayConfiguration(environment: &environment)
        try environment.finish()
        return configuration.http
    }

    @Test func withoutSettingsTheServersDefaultsHold() throws {
        let (http, defaults) = (try Self.read([:]), HTTPServerConfiguration())
        #expect(http.connectionsMax == defaults.connectionsMax)
        #expect(http.headBytesMax == defaults.headBytesMax)
        #expect(http.headersMax == defaults.headersMax)
        #expect(http.headTimeout == defaults.headTimeout)
        #expect(http.bodyBytesMax == defaults.bodyBytesMax)
        #expect(http.bodyIdleTimeout == defaults.bodyIdleTimeout)
        #expect(http.bodyBytesPerSecondMin == defaults.bodyBytesPerSecondMin)
        #expect(http.messageBytesMax == defaults.messageBytesMax)
        #expect(http.keepAliveTimeout == defaults.keepAliveTimeout)
        #expect(http.writeStallTimeout == defaults.writeStallTimeout)
    }

    @Test func eachSettingIsItsLimit() throws {
        let http = try Self.read([
            "PARLEY_HTTP_CONNECTIONS_MAX": "7", "PARLEY_HTTP_HEAD_MAX": "2KiB", "PARLEY_HTTP_HEADERS_MAX": "11",
            "PARLEY_HTTP_HEAD_TIMEOUT": "101ms", "PARLEY_HTTP_BODY_MAX": "3KiB", "PARLEY_HTTP_BODY_PAUSE": "102ms",
            "PARLEY_HTTP_BODY_RATE_MIN": "12", "PARLEY_WEBSOCKET_MESSAGE_MAX": "4KiB",
            "PARLEY_HTTP_KEEP_ALIVE": "103ms",
            "PARLEY_HTTP_WRITE_STALL": "104ms",
        ])
        #expect(http.connectionsMax == 7)
        #expect(http.headBytesMax == 2 << 10)
        #expect(http.headersMax == 11)
        #expect(http.headTimeout == .milliseconds(101))
        #expect(http.bodyBytesMax == 3 << 10)
        #expect(http.bodyIdleTimeout == .milliseconds(102))
        #expect(http.bodyBytesPerSecondMin == 12)
        #expect(http.messageBytesMax == 4 << 10)
        #expect(http.keepAliveTimeout == .milliseconds(103))
        #expect(http.writeStallTimeout == .milliseconds(104))
    }

    @Test(arguments: ["HEAD_TIMEOUT", "BODY_PAUSE", "KEEP_ALIVE", "WRITE_STALL", "HEADERS_MAX", "BODY_RATE_MIN"])
    func nothingIsNoLimit(_ name: String) {
        for value in ["0", "0s", "-1"] {
            #expect(throws: ConfigurationError.self) { try Self.read(["PARLEY_HTTP_\(name)": value]) }
        }
    }
}
