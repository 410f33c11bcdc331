import Resilience
import Testing

@testable import EventBus

@Suite struct BusConfigurationTests {
    private let local = BusConfiguration(bootstrapServers: "127.0.0.1:9092")
    private let production = BusConfiguration(bootstrapServers: "a:9092,b:9092", profile: .production)

    @Test func localConsumerIsQuick() {
        let properties = local.consumerProperties(group: "workers")
        let expected = [
            "bootstrap.servers": "127.0.0.1:9092", "group.id": "workers", "session.timeout.ms": "2000",
            "heartbeat.interval.ms": "500", "partition.assignment.strategy": "range", "fetch.wait.max.ms": "10",
            "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": "500", "fetch.queue.backoff.ms": "10", "allow.auto.create.topics": "false",
        ]
        for (name, value) in expected {
            #expect(properties[name] == value, "\(name)")
        }
        #expect(properties["group.instance.id"] == nil, "static membership makes the local broker slower")
    }

    @Test func productionConsumerIsPatient() {
        let properties = production.consumerProperties(group: "workers")
        #expect(properties["session.timeout.ms"] == "10000")
        #expect(properties["heartbeat.interval.ms"] == "3000")
        #expect(properties["partition.assignment.strategy"] == "cooperative-sticky")
        #expect(properties["fetch.wait.max.ms"] == "100")
        #expect(properties["auto.offset.reset"] == "earliest")
    }

    @Test(arguments: BusConfiguration.Profile.allCases)
    func producerIsIdempotent(profile: BusConfiguration.Profile) {
        let configuration = BusConfiguration(bootstrapServers: "a:1", profile: profile)
        let properties = configuration.producerProperties
        #expect(properties["enable.idempotence"] == "true")
        #expect(properties["acks"] == "all")
        #expect(properties["linger.ms"] == (profile == .local ? "0.300" : "2"))
        #expect(properties["message.timeout.ms"] == (profile == .local ? "10000" : "30000"))
        #expect(properties["queue.buffering.max.messages"] == "100000")
        #expect(properties["queue.buffering.max.kbytes"] == "65536")
        #expect(properties["message.max.bytes"] == "1056768")
    }

    @Test func readerHasAGroupNameAndNoMembership() {
        let properties = local.readerProperties
        #expect(properties["group.id"] == "parley-reader")
        #expect(properties["session.timeout.ms"] == nil)
    }

    @Test func everySettingMayBeSet() {
        var configuration = local
        configuration.sessionTimeout = .milliseconds(6500)
        configuration.heartbeatInterval = .seconds(2)
        configuration.assignmentStrategy = "roundrobin"
        configuration.fetchWaitMax = .milliseconds(20)
        configuration.linger = .microseconds(1500)
        configuration.reconnectBackoffMax = .seconds(1)
        let consumer = configuration.consumerProperties(group: "g")
        #expect(consumer["session.timeout.ms"] == "6500")
        #expect(consumer["heartbeat.interval.ms"] == "2000")
        #expect(consumer["partition.assignment.strategy"] == "roundrobin")
        #expect(consumer["fetch.wait.max.ms"] == "20")
        #expect(consumer["reconnect.backoff.max.ms"] == "1000")
        #expect(configuration.producerProperties["linger.ms"] == "1.500")
    }

    @Test func rawPropertiesGoOverEverything() {
        var configuration = local
        configuration.properties = ["acks": "1", "session.timeout.ms": "9000", "debug": "cgrp"]
        configuration.security.saslUsername = "us"
        #expect(configuration.producerProperties["acks"] == "1")
        let consumer = configuration.consumerProperties(group: "g")
        #expect(consumer["session.timeout.ms"] == "9000")
        #expect(consumer["debug"] == "cgrp")
        #expect(consumer["sasl.username"] == "us")
    }

    @Test func securityPassesThroughToEveryRole() {
        var configuration = production
        configuration.security.securityProtocol = "sasl_ssl"
        configuration.security.saslMechanism = "SCRAM-SHA-512"
        configuration.security.saslUsername = "parley"
        configuration.security.saslPassword = "open-sesame"
        configuration.security.tlsAuthorityPath = "/etc/ca.pem"
        configuration.security.tlsCertificatePath = "/etc/client.pem"
        configuration.security.tlsKeyPath = "/etc/client.key"
        configuration.security.tlsKeyPassword = "key-secret"
        configuration.security.tlsVerifiesHostname = false
        let expected = [
            "security.protocol": "sasl_ssl", "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": "parley",
            "sasl.password": "open-sesame", "ssl.ca.location": "/etc/ca.pem",
            "ssl.certificate.location": "/etc/client.pem", "ssl.key.location": "/etc/client.key",
            "ssl.key.password": "key-secret", "ssl.endpoint.identification.algorithm": "none",
        ]
        let roles = [
            configuration.producerProperties, configuration.consumerProperties(group: "g"),
            configuration.readerProperties, configuration.adminProperties,
        ]
        for properties in roles {
            for (name, value) in expected {
                #expect(properties[name] == value, "\(name)")
            }
        }
        #expect(local.producerProperties["security.protocol"] == nil)
    }

    @Test func secretsAreInNoDescription() {
        var configuration = production
        configuration.security.saslPassword = "open-sesame"
        configuration.security.tlsKeyPassword = "key-secret"
        var dumped = ""
        dump(configuration, to: &dumped)
        let texts = [String(describing: configuration), String(reflecting: configuration), dumped]
        for text in texts {
            #expect(!text.contains("open-sesame") && !text.contains("key-secret"))
        }
        #expect(configuration.security.description == "BusSecurity(sasl.password, ssl.key.password)")
    }

    @Test func limitsAreChecked() throws {
        try local.validate()
        try production.validate()
        let cases: [(String, (inout BusConfiguration) -> Void)] = [
            ("bootstrapServers", { $0.bootstrapServers = "" }), ("inFlightRecordsMax", { $0.inFlightRecordsMax = 0 }),
            ("messageBytesMax", { $0.messageBytesMax = 1 << 30 + 1 }),
            ("publishRecordsMax", { $0.publishRecordsMax = 1 << 20 + 1 }),
            ("heartbeatInterval", { $0.heartbeatInterval = $0.sessionTimeout }),
            ("shareLease", { $0.shareLease = $0.heartbeatInterval * 2 - .nanoseconds(1) }),
            ("readerBufferRecordsMax", { $0.readerBufferRecordsMax = -1 }),
        ]
        for (name, change) in cases {
            var configuration = local
            change(&configuration)
            let error = try #require(throws: BusError.self) { try configuration.validate() }
            #expect(error.code == .configurationInvalid && error.message.contains(name))
        }
        var edge = local
        edge.messageBytesMax = 1 << 30
        edge.publishRecordsMax = 1 << 20
        edge.inFlightRecordsMax = 1
        try edge.validate()
    }

    @Test func retryPausesDoubleUpToTheirLimit() {
        let pauses = [1, 2, 3, 6, 7, 1000].map { local.retries.ceiling(retry: $0 - 1) }
        #expect(
            pauses == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(3200), .seconds(5),
                .seconds(5),
            ]
        )
    }

    @Test func millisecondsAreWritten() {
        #expect(Duration.milliseconds(5).millisecondsText == "5")
        #expect(Duration.microseconds(20).millisecondsText == "0.020")
        #expect(Duration.nanoseconds(1).wholeMilliseconds == 1)
        #expect(Duration.seconds(2).wholeMillisecondsText == "2000")
    }
}
