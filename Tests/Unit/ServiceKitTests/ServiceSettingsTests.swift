import Configuration
import ServiceKit
import Testing

struct ServiceSettingsTests {
    private static func attemptsMax(_ text: String?) throws -> Int {
        var values = ["PARLEY_DATABASE_URL": "postgres://u@127.0.0.1/d", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1"]
        values["PARLEY_RECORD_ATTEMPTS_MAX"] = text
        var environment = EnvironmentReader(values)
        let settings = ServiceSettings(name: "test", httpPort: 0, environment: &environment)
        try environment.finish()
        return settings.recordAttemptsMax
    }

    @Test func aRecordMayFailItsHandlerOnceToAHundredTimes() throws {
        #expect(try Self.attemptsMax(nil) == 5)
        #expect(try Self.attemptsMax("1") == 1)
        #expect(try Self.attemptsMax("100") == 100)
        for wrong in ["0", "101", "many"] {
            #expect(throws: ConfigurationError.self) { try Self.attemptsMax(wrong) }
        }
    }
}
