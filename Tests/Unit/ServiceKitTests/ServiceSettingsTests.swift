import Configuration
import EventBus
import ServiceKit
import Store
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

    @Test func credentialsForTheBrokersPassThrough() throws {
        var environment = EnvironmentReader([
            "PARLEY_KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "PARLEY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "PARLEY_KAFKA_SASL_USERNAME": "user", "PARLEY_KAFKA_SASL_PASSWORD": "word",
            "PARLEY_KAFKA_TLS_CA": "ca.pem", "PARLEY_KAFKA_TLS_CERTIFICATE": "own.pem",
            "PARLEY_KAFKA_TLS_KEY": "own.key", "PARLEY_KAFKA_TLS_KEY_PASSWORD": "key word",
        ])
        let security = BusSecurity(environment: &environment)
        try environment.finish()
        #expect(security.securityProtocol == "sasl_ssl")
        #expect(security.saslMechanism == "SCRAM-SHA-512")
        #expect(security.saslUsername == "user")
        #expect(security.saslPassword == "word")
        #expect(security.tlsAuthorityPath == "ca.pem")
        #expect(security.tlsCertificatePath == "own.pem")
        #expect(security.tlsKeyPath == "own.key")
        #expect(security.tlsKeyPassword == "key word")
    }

    private static func retention(journal: String?, deadLetters: String?) throws -> ServiceSettings {
        var values = ["PARLEY_DATABASE_URL": "postgres://u@127.0.0.1/d", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1"]
        values["PARLEY_RETENTION_JOURNAL"] = journal
        values["PARLEY_RETENTION_DEAD_LETTERS"] = deadLetters
        var environment = EnvironmentReader(values)
        let settings = ServiceSettings(name: "test", httpPort: 0, environment: &environment)
        try environment.finish()
        return settings
    }

    @Test func runsOfToolsAreKeptLongerThanDeadLettersAndRecordsTogether() throws {
        let settings = try Self.retention(journal: nil, deadLetters: nil)
        #expect(settings.retention.journal == .seconds(38 * 86_400))
        #expect(settings.retention.deadLetters == .seconds(30 * 86_400))
        // The default of the one is 38 days, of the other 30, and topics keep records for 7.
        for (journal, deadLetters) in [("608401s", "1h"), ("373d", "365d"), (nil, "2678399s"), ("3196801s", nil)] {
            _ = try Self.retention(journal: journal, deadLetters: deadLetters)
        }
        for (journal, deadLetters) in [("608400s", "1h"), ("14d", nil), (nil, "31d"), ("37d", nil), ("7d", "8d")] {
            let error = #expect(throws: ConfigurationError.self) {
                try Self.retention(journal: journal, deadLetters: deadLetters)
            }
            let problems = error?.problems ?? []
            #expect(problems.map(\.key) == ["PARLEY_RETENTION_JOURNAL"])
            #expect(problems.first?.message.contains("PARLEY_RETENTION_DEAD_LETTERS") == true)
        }
    }
}
