package import JSON
package import Memory

/// Names a session that remembers, across tenants.
package struct MemorySessionKey: Sendable, Hashable {
    /// The tenant, from the credential.
    package let tenantID: String
    /// The session.
    package let sessionID: String

    /// Names a session.
    package init(tenantID: String, sessionID: String) {
        self.tenantID = tenantID
        self.sessionID = sessionID
    }
}

/// Names a node, across tenants.
package struct MemoryNodeKey: Sendable, Hashable {
    /// The longest name of a node, in bytes: 256.
    package static let nodeBytesMax = 256

    /// The tenant, from the credential.
    package let tenantID: String
    /// The node.
    package let nodeID: String

    /// Names a node.
    package init(tenantID: String, nodeID: String) {
        self.tenantID = tenantID
        self.nodeID = nodeID
    }
}

/// A session that is to begin.
package struct NewMemorySession: Sendable {
    /// Its name.
    package var key: MemorySessionKey
    /// Its node, which is made when it is not there.
    package var nodeID: String
    /// How it remembers and predicts.
    package var settings: SessionConfiguration
    /// What its owner notes.
    package var metadata: JSONObject
    /// How long it lives without being used, in seconds.
    package var ttlSeconds: Int

    /// Describes a session.
    package init(
        key: MemorySessionKey,
        nodeID: String,
        settings: SessionConfiguration,
        metadata: JSONObject,
        ttlSeconds: Int
    ) {
        self.key = key
        self.nodeID = nodeID
        self.settings = settings
        self.metadata = metadata
        self.ttlSeconds = ttlSeconds
    }
}

/// An observation on its way into a session.
package struct IncomingObservation: Sendable {
    /// What was observed.
    package var observation: Observation
    /// What the client calls it.
    package var uniqueID: String
    /// The symbol of its vectors' sum and those of the nearest vectors that the node knows; empty without vectors.
    package var vectorSymbols: [String]
    /// The sum of its vectors, when the node does not know it yet.
    package var newVector: [Double]?

    /// Describes an observation.
    package init(
        _ observation: Observation,
        uniqueID: String,
        vectorSymbols: [String] = [],
        newVector: [Double]? = nil
    ) {
        self.observation = observation
        self.uniqueID = uniqueID
        self.vectorSymbols = vectorSymbols
        self.newVector = newVector
    }

    /// The most bytes by which a session's memory grows with it.
    var bytes: Int {
        HeldBytes.of(vectorSymbols) + HeldBytes.of(observation.strings) + HeldBytes.of(observation.emotives)
            + HeldBytes.of(observation.metadata)
    }
}

/// What is to be done with a session.
package enum MemoryOperation: Sendable {
    /// Observations, one after another; all of them or none.
    case observe([IncomingObservation], SequenceOptions)
    /// The message of a conversation's turn, unless that turn or a later one was observed before: turns of a
    /// conversation follow each other, so each is observed once, however often it is asked for.
    case observeTurn(seq: Int64, IncomingObservation)
    /// Makes a pattern of the short-term memory.
    case learn
    /// Empties the short-term memory.
    case clear
    /// The same, and everything that the node has learned.
    case clearAll
    /// Changes how it remembers and predicts.
    case configure(JSONObject)
    /// Sets how long it lives without being used, in seconds.
    case extend(ttlSeconds: Int)
}

/// How a sequence of observations is taken.
package struct SequenceOptions: Sendable, Equatable {
    /// Whether the short-term memory becomes a pattern after each of them.
    package var learnsAfterEach = false
    /// Whether it becomes a pattern after the last of them.
    package var learnsAtEnd = false
    /// Whether it is emptied between two of them.
    package var clearsBetween = false

    /// One after another, nothing in between.
    package init() {}
}

/// What came of one observation.
package struct ObservedStep: Sendable, Equatable {
    /// What the client calls it.
    package var uniqueID: String
    /// The events in short-term memory after it.
    package var length: Int
    /// The observations of the session up to it.
    package var time: Int
    /// The pattern that was learned by itself, if one was.
    package var autoLearned: String?
}

/// What came of an operation.
package struct MemoryAnswer: Sendable, Equatable {
    /// The session's node.
    package var nodeID: String
    /// The events in short-term memory before it.
    package var initialLength: Int
    /// The events in short-term memory after it.
    package var length: Int
    /// A step for each observation.
    package var steps: [ObservedStep] = []
    /// Every pattern that was learned, in order, with repetitions; an empty name stands for a single symbol.
    package var learned: [String] = []
    /// The pattern that the operation ended with learning; nil when it did not learn.
    package var finallyLearned: String?
    /// The number of the node's last change that was seen with it; 0 when nothing was ever learned.
    package var nodeSeq: Int64 = 0
}

/// What an operation came to.
package enum MemoryOutcome: Sendable {
    /// It is done and durable.
    case done(MemoryAnswer)
    /// There is no such session, or it has expired.
    case unknownSession
    /// It cannot be done, and nothing was changed.
    case refused(MemoryError)
}

/// A session as it is.
package struct MemorySnapshot: Sendable {
    /// What it holds.
    package let state: MemorySessionState
    /// When it began, in microseconds since 1970-01-01 UTC.
    package let createdAt: Int64
    /// When it ends without being used, in microseconds since 1970-01-01 UTC.
    package let expiresAt: Int64
    /// How long that is, in whole seconds.
    package let remainingSeconds: Int64
    /// What was observed last, as JSON text; nil before the first time.
    package let percept: [UInt8]?
    /// Whether its end has come already; only those who ask for such sessions see them.
    var hasExpired = false
}
