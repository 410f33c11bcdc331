import Configuration
import HTTPServer
import MemoryStore
import Testing

@testable import parley_gateway

/// Each limit of the memory has a setting, and each setting ends.
struct MemorySettingTests {
    private static func read(_ settings: [String: String]) throws -> GatewayConfiguration {
        let required = ["PARLEY_DATABASE_URL": "postgres://u@127.0.0.1/d", "PARLEY_KAFKA_BROKERS": "127.0.0.1:1"]
        var environment = EnvironmentReader(required.merging(settings) { _, new in new })
        let configuration = GatewayConfiguration(environment: &environment)
        try environment.finish()
        return configuration
    }

    @Test func withoutSettingsTheDefaultsHold() throws {
        let (configuration, defaults) = (try Self.read([:]), MemoryStoreConfiguration())
        let memory = configuration.memory
        #expect(memory.predictionTime == defaults.predictionTime)
        #expect(memory.observePredictionTime == defaults.observePredictionTime)
        #expect(memory.computationsMax == defaults.computationsMax)
        #expect(memory.stateSymbolsMax == defaults.stateSymbolsMax)
        #expect(memory.answerSymbolsMax == defaults.answerSymbolsMax)
        #expect(memory.shortTermMemoryBytesMax == defaults.shortTermMemoryBytesMax)
        #expect(memory.sessionBytesMax == defaults.sessionBytesMax)
        #expect(memory.nodeBytesMax == defaults.nodeBytesMax)
        #expect(memory.keptBytesMax == defaults.keptBytesMax)
        #expect(configuration.memoryAnswerBytesMax == 64 << 20)
        #expect(configuration.memoryCompatibility == nil)
    }

    @Test func eachSettingIsItsLimit() throws {
        let configuration = try Self.read([
            "PARLEY_MEMORY_PREDICTION_TIME_MAX": "101ms", "PARLEY_MEMORY_OBSERVE_PREDICTION_TIME_MAX": "102ms",
            "PARLEY_MEMORY_COMPUTATIONS_MAX": "11", "PARLEY_MEMORY_STATE_SYMBOLS_MAX": "12",
            "PARLEY_MEMORY_ANSWER_SYMBOLS_MAX": "1013", "PARLEY_MEMORY_ANSWER_MAX": "2KiB",
            "PARLEY_MEMORY_STM_MAX": "3KiB", "PARLEY_MEMORY_SESSIONS_MAX": "4MiB", "PARLEY_MEMORY_INDEX_MAX": "5MiB",
            "PARLEY_MEMORY_KEPT_MAX": "6MiB", "PARLEY_MEMORY_COMPAT_PORT": "8123",
        ])
        let memory = configuration.memory
        #expect(memory.predictionTime == .milliseconds(101))
        #expect(memory.observePredictionTime == .milliseconds(102))
        #expect(memory.computationsMax == 11)
        #expect(memory.stateSymbolsMax == 12)
        #expect(memory.answerSymbolsMax == 1013)
        #expect(configuration.memoryAnswerBytesMax == 2 << 10)
        #expect(memory.shortTermMemoryBytesMax == 3 << 10)
        #expect(memory.sessionBytesMax == 4 << 20)
        #expect(memory.nodeBytesMax == 5 << 20)
        #expect(memory.keptBytesMax == 6 << 20)
        #expect(configuration.memoryCompatibility?.port == 8123)
        #expect(configuration.memoryCompatibility?.host == "127.0.0.1")
    }

    @Test(arguments: [
        ("PARLEY_MEMORY_COMPUTATIONS_MAX", "1", "0"), ("PARLEY_MEMORY_COMPUTATIONS_MAX", "100000", "100001"),
        ("PARLEY_MEMORY_STATE_SYMBOLS_MAX", "1", "0"), ("PARLEY_MEMORY_STATE_SYMBOLS_MAX", "100000", "100001"),
        ("PARLEY_MEMORY_ANSWER_SYMBOLS_MAX", "1000", "999"),
        ("PARLEY_MEMORY_ANSWER_SYMBOLS_MAX", "100000000", "100000001"),
        ("PARLEY_MEMORY_ANSWER_MAX", "1024", "1023"), ("PARLEY_MEMORY_ANSWER_MAX", "1GiB", "1073741825"),
        ("PARLEY_MEMORY_STM_MAX", "1024", "1023"), ("PARLEY_MEMORY_STM_MAX", "128MiB", "134217729"),
        ("PARLEY_MEMORY_SESSIONS_MAX", "1MiB", "1048575"), ("PARLEY_MEMORY_INDEX_MAX", "1MiB", "1048575"),
        ("PARLEY_MEMORY_KEPT_MAX", "1MiB", "1048575"), ("PARLEY_MEMORY_COMPAT_PORT", "65535", "65536"),
    ])
    func aSettingAtItsEndAndBeyondIt(_ name: String, _ last: String, _ beyond: String) throws {
        _ = try Self.read([name: last])
        let error = #expect(throws: (any Error).self) { try Self.read([name: beyond]) }
        #expect(error.map { "\($0)".contains(name) } == true)
    }
}
