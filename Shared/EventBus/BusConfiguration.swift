/// How the bus reaches the broker, and its limits.
///
/// One value serves producers, consumers, readers and admin calls.
package struct BusConfiguration: Sendable {
    /// A set of broker settings.
    package enum Profile: String, Sendable, CaseIterable {
        /// One broker on this machine: short timeouts, small fetch waits, `range` assignment.
        case local
        /// A cluster: patient timeouts, `cooperative-sticky` assignment.
        case production
    }

    /// The brokers to ask first, `host:port` with commas between.
    package var bootstrapServers: String
    /// The set of broker settings to start from.
    package var profile: Profile
    /// The name of this client in the broker's logs.
    package var clientID = "parley"
    /// Encryption and credentials.
    package var security = BusSecurity()
    /// librdkafka properties by name that go over everything else; see librdkafka's CONFIGURATION.md.
    package var properties: [String: String] = [:]

    // MARK: Broker settings (each has the profile's default and may be set)

    /// A member that is silent for this long is out of the group.
    ///
    /// Local 2 s, production 10 s.
    package var sessionTimeout: Duration
    /// How often a member says that it lives.
    ///
    /// Local 0.5 s, production 3 s.
    package var heartbeatInterval: Duration
    /// How long a member keeps its share of the partitions without renewing it, where shares are leases.
    ///
    /// Local 2 s, production 15 s.
    package var shareLease: Duration
    /// How partitions are shared out in a group.
    ///
    /// Local `range`, production `cooperative-sticky`.
    package var assignmentStrategy: String
    /// How long the broker may hold a fetch that finds nothing.
    ///
    /// Local 10 ms, production 100 ms.
    package var fetchWaitMax: Duration
    /// How long the producer waits for more records to share a batch.
    ///
    /// Local 0.3 ms: enough for the records that one commit hands over to travel together. Production 2 ms.
    package var linger: Duration
    /// The longest pause between attempts to connect.
    ///
    /// 0.5 s.
    package var reconnectBackoffMax = Duration.milliseconds(500)
    /// How often topics are looked up again without cause.
    ///
    /// Local 2 s, production 60 s.
    package var metadataRefreshInterval: Duration

    // MARK: Limits

    /// The largest record: key, value and headers, in bytes.
    ///
    /// 1 MiB.
    package var messageBytesMax = 1 << 20
    /// Records that the producer holds.
    ///
    /// 100,000.
    package var producerQueueRecordsMax = 100_000
    /// Bytes that the producer holds.
    ///
    /// 64 MiB.
    package var producerQueueBytesMax = 64 << 20
    /// Records published with ``BusProducer/publishBuffered(_:)`` that the producer holds; over it they are dropped.
    ///
    /// 10,000.
    package var bufferedRecordsMax = 10_000
    /// Records that one ``BusProducer/publish(_:)`` may carry.
    ///
    /// 10,000.
    package var publishRecordsMax = 10_000
    /// A record that the broker has not acknowledged in this time has failed.
    ///
    /// 10 s locally, 30 s in production.
    package var deliveryTimeout: Duration
    /// Records of a topic that a consumer has received and not finished.
    ///
    /// 1,024.
    package var inFlightRecordsMax = 1024
    /// Bytes of those records, above which nothing more is received.
    ///
    /// 64 MiB.
    package var inFlightBytesMax = 64 << 20
    /// Records of a partition from the lowest unfinished one to the newest.
    ///
    /// 4,096.
    package var partitionWindowRecordsMax = 4096
    /// Kilobytes that librdkafka fetches ahead for one topic.
    ///
    /// 16 MiB.
    package var prefetchKilobytesMax = 16 << 10
    /// Records that a reader holds for a handler that is busy.
    ///
    /// 4,096.
    package var readerBufferRecordsMax = 4096

    // MARK: Times of the consumer

    /// Finished records are committed this often.
    ///
    /// 200 ms.
    package var commitInterval = Duration.milliseconds(200)
    /// So many finished records are committed at once, whatever the time.
    ///
    /// 2,000.
    package var commitRecordsMax = 2000
    /// How long handlers of leaving partitions may finish in a rebalance.
    ///
    /// Local 1 s, production 5 s.
    package var revokeTimeout: Duration
    /// How long running handlers may finish at shutdown; then they are cancelled.
    ///
    /// 10 s.
    package var drainTimeout = Duration.seconds(10)
    /// The longest pause before the first retry of a failed record; doubles with each, and the pause is drawn from 0 up
    /// to it.
    ///
    /// 100 ms.
    package var retryBackoff = Duration.milliseconds(100)
    /// Where the doubling of pauses between retries ends.
    ///
    /// 5 s.
    package var retryBackoffMax = Duration.seconds(5)
    /// How long a topic must be at its limit before its partitions are paused at the broker.
    ///
    /// 100 ms.
    package var holdBackAfter = Duration.milliseconds(100)
    /// How long an admin call may take.
    ///
    /// 10 s.
    package var adminTimeout = Duration.seconds(10)

    /// Makes a configuration with a profile's defaults.
    package init(bootstrapServers: String, profile: Profile = .local) {
        let isLocal = profile == .local
        self.bootstrapServers = bootstrapServers
        self.profile = profile
        sessionTimeout = isLocal ? .seconds(2) : .seconds(10)
        heartbeatInterval = isLocal ? .milliseconds(500) : .seconds(3)
        shareLease = isLocal ? .seconds(2) : .seconds(15)
        assignmentStrategy = isLocal ? "range" : "cooperative-sticky"
        fetchWaitMax = isLocal ? .milliseconds(10) : .milliseconds(100)
        linger = isLocal ? .microseconds(300) : .milliseconds(2)
        metadataRefreshInterval = isLocal ? .seconds(2) : .seconds(60)
        deliveryTimeout = isLocal ? .seconds(10) : .seconds(30)
        revokeTimeout = isLocal ? .seconds(1) : .seconds(5)
    }

    /// Checks that the limits make sense together.
    ///
    /// - Throws: ``BusError`` with code `configurationInvalid` naming the first limit that does not.
    package func validate() throws {
        let positive: [(String, Int)] = [
            ("messageBytesMax", messageBytesMax), ("producerQueueRecordsMax", producerQueueRecordsMax),
            ("producerQueueBytesMax", producerQueueBytesMax), ("bufferedRecordsMax", bufferedRecordsMax),
            ("publishRecordsMax", publishRecordsMax), ("inFlightRecordsMax", inFlightRecordsMax),
            ("inFlightBytesMax", inFlightBytesMax), ("partitionWindowRecordsMax", partitionWindowRecordsMax),
            ("prefetchKilobytesMax", prefetchKilobytesMax), ("readerBufferRecordsMax", readerBufferRecordsMax),
            ("commitRecordsMax", commitRecordsMax),
        ]
        if bootstrapServers.isEmpty {
            throw BusError(.configurationInvalid, "bootstrapServers is empty; set host:port of a broker")
        }
        if let (name, value) = positive.first(where: { $0.1 < 1 }) {
            throw BusError(.configurationInvalid, "\(name) is \(value); it must be at least 1")
        }
        if messageBytesMax > 1 << 30 {
            throw BusError(.configurationInvalid, "messageBytesMax is \(messageBytesMax); at most 1 GiB is possible")
        }
        if publishRecordsMax > 1 << 20 {
            throw BusError(
                .configurationInvalid,
                "publishRecordsMax is \(publishRecordsMax); at most 1048576 is possible"
            )
        }
        if heartbeatInterval >= sessionTimeout {
            throw BusError(.configurationInvalid, "heartbeatInterval must be shorter than sessionTimeout")
        }
        if heartbeatInterval * 2 > shareLease {
            throw BusError(.configurationInvalid, "shareLease must be at least twice heartbeatInterval")
        }
    }
}

/// Encryption and credentials for the broker.
///
/// What is nil is left to librdkafka's default.
package struct BusSecurity: Sendable, CustomStringConvertible {
    /// The protocol: `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    package var securityProtocol: String?
    /// The mechanism for SASL: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or another of librdkafka.
    package var saslMechanism: String?
    /// The user's name for SASL.
    package var saslUsername: String?
    /// The password for SASL.
    package var saslPassword: String?
    /// The file or folder with the certificates of the authorities that are believed.
    package var tlsAuthorityPath: String?
    /// The client's certificate, a PEM file.
    package var tlsCertificatePath: String?
    /// The client's private key, a PEM file.
    package var tlsKeyPath: String?
    /// The password of the private key.
    package var tlsKeyPassword: String?
    /// Whether the broker's name must be the one in its certificate; librdkafka's default is yes.
    package var tlsVerifiesHostname: Bool?

    /// Makes settings without encryption and credentials.
    package init() {}

    /// Says which settings are there; never their values.
    package var description: String {
        "BusSecurity(\(properties.map(\.0).joined(separator: ", ")))"
    }

    /// The librdkafka properties.
    var properties: [(String, String)] {
        let candidates: [(String, String?)] = [
            ("security.protocol", securityProtocol),
            ("sasl.mechanisms", saslMechanism),
            ("sasl.username", saslUsername),
            ("sasl.password", saslPassword),
            ("ssl.ca.location", tlsAuthorityPath),
            ("ssl.certificate.location", tlsCertificatePath),
            ("ssl.key.location", tlsKeyPath),
            ("ssl.key.password", tlsKeyPassword),
            ("ssl.endpoint.identification.algorithm", tlsVerifiesHostname.map { $0 ? "https" : "none" }),
        ]
        return candidates.compactMap { name, value in value.map { (name, $0) } }
    }
}

extension BusSecurity: CustomReflectable {
    /// Shows no values in dumps either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
