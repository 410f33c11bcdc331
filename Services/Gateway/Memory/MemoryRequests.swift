import Domain
import HTTPServer
import JSON
import Memory
import MemoryStore

/// What clients ask of the memory, read and checked.
enum MemoryRequests {
    /// The longest name of a node, in bytes.
    static let nodeBytesMax = MemoryNodeKey.nodeBytesMax
    /// How long a session lives without being used when nobody says, in seconds.
    static let ttlSecondsByDefault = 3600
    /// The longest that a session may live without being used: ten years, in seconds.
    static let ttlSecondsMax = 10 * 365 * 24 * 3600
    /// The most observations of a sequence.
    static let observationsMax = 10_000
    /// The longest name that a client gives an observation, in bytes.
    static let uniqueIDBytesMax = 256

    /// A body that is an object; without one it is an empty object.
    static func object(_ routed: RoutedRequest) async throws -> JSONObject {
        let json = try await routed.jsonBody()
        guard case .object(let object) = json else {
            throw Problem.invalid([(name: "body", reason: "must be a JSON object")])
        }
        guard !json.hasNUL else {
            throw Problem.invalid([(name: "body", reason: "must not have a NUL character in a string")])
        }
        return object
    }

    /// A session that is to begin, from the body of a request.
    static func newSession(_ body: JSONObject, tenantID: String) throws -> NewMemorySession {
        var problems: [(name: String, reason: String)] = []
        let nodeID = node(in: body, &problems)
        let ttl = ttl(in: body, &problems)
        let metadata = members("metadata", in: body, &problems)
        let config = members("config", in: body, &problems)
        var sessionID = Identifier.make()
        if let value = body["session_id"], !value.isNull {
            if let text = value.stringValue, Identifier.isValid(text) {
                sessionID = text
            } else {
                problems.append((name: "session_id", reason: "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : -"))
            }
        }
        guard problems.isEmpty else { throw Problem.invalid(problems) }
        do {
            return NewMemorySession(
                key: MemorySessionKey(tenantID: tenantID, sessionID: sessionID),
                nodeID: nodeID,
                settings: try SessionConfiguration().merging(config),
                metadata: metadata,
                ttlSeconds: ttl
            )
        } catch {
            throw MemoryProblem(error)
        }
    }

    private static func node(in body: JSONObject, _ problems: inout [(name: String, reason: String)]) -> String {
        // Earlier clients say user_id.
        let name = body["node_id"] == nil && body["user_id"] != nil ? "user_id" : "node_id"
        guard let value = body[name] else {
            problems.append((name: "node_id", reason: "is required"))
            return ""
        }
        guard let text = value.stringValue, isNode(text) else {
            problems.append((name: name, reason: "must be a string of 1 to \(nodeBytesMax) bytes"))
            return ""
        }
        return text
    }

    /// Whether a text may name a node.
    static func isNode(_ text: String) -> Bool {
        (1...nodeBytesMax).contains(text.utf8.count) && !text.utf8.contains(0)
    }

    private static func ttl(in body: JSONObject, _ problems: inout [(name: String, reason: String)]) -> Int {
        guard let value = body["ttl_seconds"], !value.isNull else { return ttlSecondsByDefault }
        guard let seconds = value.intValue, (0...ttlSecondsMax).contains(seconds) else {
            problems.append((name: "ttl_seconds", reason: "must be a whole number from 0 to \(ttlSecondsMax)"))
            return 0
        }
        // As in the API that this one follows, 0 is as good as nothing.
        return seconds == 0 ? ttlSecondsByDefault : seconds
    }

    private static func members(
        _ name: String,
        in body: JSONObject,
        _ problems: inout [(name: String, reason: String)]
    ) -> JSONObject {
        guard let value = body[name], !value.isNull else { return JSONObject() }
        guard let members = value.objectValue else {
            problems.append((name: name, reason: "must be an object"))
            return JSONObject()
        }
        return members
    }

    /// The settings that a request changes: the body, or what is under `config` in it.
    ///
    /// As clients expect, `use_token_matching` without `sort_symbols` sets that too: who compares by characters wants
    /// the symbols in the order they came.
    static func settings(_ body: JSONObject) throws -> JSONObject {
        var values = body
        if let config = body["config"] {
            guard let members = config.objectValue else {
                throw Problem.invalid([(name: "config", reason: "must be an object")])
            }
            values = members
        }
        if let matching = values["use_token_matching"], values["sort_symbols"] == nil {
            values.set("sort_symbols", matching)
        }
        return values
    }

    /// How long a session is to live from now on, in seconds, out of the query.
    static func extendedTTL(_ request: HTTPRequest) throws -> Int {
        Int(try request.queryInteger("ttl_seconds", in: 1...Int64(ttlSecondsMax)) ?? Int64(ttlSecondsByDefault))
    }

    /// One observation.
    static func observation(_ body: JSONObject) throws -> IncomingObservation {
        do {
            return IncomingObservation(
                try Observation(json: .object(body)),
                uniqueID: try uniqueID(body, field: "unique_id", prefix: "obs-")
            )
        } catch let error as MemoryError {
            throw MemoryProblem(error)
        }
    }

    /// A sequence of observations, and how it is to be taken.
    static func sequence(_ body: JSONObject) throws -> ([IncomingObservation], SequenceOptions) {
        guard let list = body["observations"]?.arrayValue else {
            throw Problem.invalid([(name: "observations", reason: "is required and must be a list")])
        }
        guard list.count <= observationsMax else {
            let reason = "\(list.count) observations, at most \(observationsMax)"
            throw Problem.invalid([(name: "observations", reason: reason)])
        }
        var options = SequenceOptions()
        options.learnsAfterEach = try flag("learn_after_each", in: body)
        options.learnsAtEnd = try flag("learn_at_end", in: body)
        options.clearsBetween = try flag("clear_stm_between", in: body)
        let observations = try list.enumerated().map { position, json in
            let field = "observations[\(position)]"
            do {
                return IncomingObservation(
                    try Observation(json: json),
                    uniqueID: try uniqueID(
                        json.objectValue ?? JSONObject(),
                        field: "\(field).unique_id",
                        prefix: "seq-obs-"
                    )
                )
            } catch let error as MemoryError {
                throw MemoryProblem(error, in: field)
            }
        }
        return (observations, options)
    }

    private static func flag(_ name: String, in body: JSONObject) throws -> Bool {
        guard let value = body[name], !value.isNull else { return false }
        guard let flag = value.boolValue else { throw Problem.invalid([(name: name, reason: "must be true or false")]) }
        return flag
    }

    private static func uniqueID(_ body: JSONObject, field: String, prefix: String) throws -> String {
        guard let value = body["unique_id"], !value.isNull else { return prefix + Identifier.make() }
        guard let text = value.stringValue, (1...uniqueIDBytesMax).contains(text.utf8.count) else {
            throw Problem.invalid([(name: field, reason: "must be a string of 1 to \(uniqueIDBytesMax) bytes")])
        }
        return text
    }
}
