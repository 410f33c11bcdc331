import Configuration
import HTTPServer
import MemoryStore
import ServiceKit

extension GatewayConfiguration {
    /// Reads every setting of a gateway.
    init(environment: inout EnvironmentReader) {
        service = ServiceSettings(name: "parley-gateway", httpPort: 8010, environment: &environment)
        tools = ToolSettings(environment: &environment, runsTools: false)
        http = service.http
        streams = StreamHub.Limits()
        http.loops = environment.int(
            "PARLEY_HTTP_LOOPS",
            default: 1,
            in: 1...256,
            help: "event loops, each on a thread of its own; one serves about 40,000 requests a second"
        )
        readHTTPLimits(&environment)
        streams.queuedEventsMax = environment.int(
            "PARLEY_STREAM_QUEUE_MAX",
            default: streams.queuedEventsMax,
            in: 1...1_000_000,
            help: "events that may wait for a slow reader before it is cut off; it can resume"
        )
        streams.followersMax = environment.int(
            "PARLEY_STREAM_FOLLOWERS_MAX",
            default: streams.followersMax,
            in: 1...1_000_000,
            help: "clients that may follow streams; one more gets 503"
        )
        readTLS(&environment)
        readMemory(&environment)
        readMemoryLimits(&environment)
    }

    /// What a time limit may be: 0 would end everything at once.
    private static let timeouts = Duration.milliseconds(1) ... .seconds(86_400)

    private mutating func readHTTPLimits(_ environment: inout EnvironmentReader) {
        http.connectionsMax = environment.int(
            "PARLEY_HTTP_CONNECTIONS_MAX",
            default: http.connectionsMax,
            in: 1...1_000_000,
            help: "connections at once; one more is answered with 503"
        )
        http.headBytesMax = environment.bytes(
            "PARLEY_HTTP_HEAD_MAX",
            default: http.headBytesMax,
            in: 1024...(1 << 20),
            help: "largest request head; a larger one is answered with 431"
        )
        http.headersMax = environment.int(
            "PARLEY_HTTP_HEADERS_MAX",
            default: http.headersMax,
            in: 1...10_000,
            help: "headers of a request; more are answered with 431"
        )
        http.bodyBytesMax = environment.bytes(
            "PARLEY_HTTP_BODY_MAX",
            default: http.bodyBytesMax,
            in: 1024...(1 << 30),
            help: "largest request body; a larger one is answered with 413"
        )
        http.messageBytesMax = environment.bytes(
            "PARLEY_WEBSOCKET_MESSAGE_MAX",
            default: http.messageBytesMax,
            in: 125...(1 << 30),
            help: "largest WebSocket message; a larger one ends the connection with 1009"
        )
        readHTTPTimes(&environment)
    }

    private mutating func readHTTPTimes(_ environment: inout EnvironmentReader) {
        http.headTimeout = environment.duration(
            "PARLEY_HTTP_HEAD_TIMEOUT",
            default: http.headTimeout,
            in: Self.timeouts,
            help: "how long a request head may take, and a new connection up to it; then 408"
        )
        http.bodyIdleTimeout = environment.duration(
            "PARLEY_HTTP_BODY_PAUSE",
            default: http.bodyIdleTimeout,
            in: Self.timeouts,
            help: "how long a request body may pause; then 408"
        )
        http.bodyBytesPerSecondMin = environment.int(
            "PARLEY_HTTP_BODY_RATE_MIN",
            default: http.bodyBytesPerSecondMin,
            in: 1...(1 << 30),
            help: "bytes a second that a request body must bring on average after its pause; below it 408"
        )
        http.keepAliveTimeout = environment.duration(
            "PARLEY_HTTP_KEEP_ALIVE",
            default: http.keepAliveTimeout,
            in: Self.timeouts,
            help: "how long a connection may rest between two requests"
        )
        http.writeStallTimeout = environment.duration(
            "PARLEY_HTTP_WRITE_STALL",
            default: http.writeStallTimeout,
            in: Self.timeouts,
            help: "how long a client may read nothing of what is sent before it is cut off"
        )
    }

    private mutating func readMemoryLimits(_ environment: inout EnvironmentReader) {
        memory.predictionTime = environment.duration(
            "PARLEY_MEMORY_PREDICTION_TIME_MAX",
            default: memory.predictionTime,
            help: "how long a prediction may take that is asked for; then 503"
        )
        memory.observePredictionTime = environment.duration(
            "PARLEY_MEMORY_OBSERVE_PREDICTION_TIME_MAX",
            default: memory.observePredictionTime,
            help: "how long one may hold up the answer to an observation; then it is left until it is asked for"
        )
        memory.computationsMax = environment.int(
            "PARLEY_MEMORY_COMPUTATIONS_MAX",
            default: memory.computationsMax,
            in: 1...100_000,
            help: "predictions and searches that may wait for a processor; one more is refused with 503"
        )
        memory.stateSymbolsMax = environment.int(
            "PARLEY_MEMORY_STATE_SYMBOLS_MAX",
            default: memory.stateSymbolsMax,
            in: 1...100_000,
            help: "symbols in the short-term memory of a session that predicts; over it 422"
        )
        memory.answerSymbolsMax = environment.int(
            "PARLEY_MEMORY_ANSWER_SYMBOLS_MAX",
            default: memory.answerSymbolsMax,
            in: 1000...100_000_000,
            help: "symbols of all predictions in an answer; over it 422"
        )
        memoryAnswerBytesMax = environment.bytes(
            "PARLEY_MEMORY_ANSWER_MAX",
            default: memoryAnswerBytesMax,
            in: 1024...(1 << 30),
            help: "largest answer with predictions; over it 422"
        )
        memory.shortTermMemoryBytesMax = environment.bytes(
            "PARLEY_MEMORY_STM_MAX",
            default: memory.shortTermMemoryBytesMax,
            in: 1024...(128 << 20),
            help: "memory for what one session has observed and not learned; over it 422"
        )
        memory.sessionBytesMax = environment.bytes(
            "PARLEY_MEMORY_SESSIONS_MAX",
            default: memory.sessionBytesMax,
            in: (1 << 20)...(1 << 40),
            help: "memory for sessions that are kept at hand; the least recently used are read again when needed"
        )
        memory.nodeBytesMax = environment.bytes(
            "PARLEY_MEMORY_INDEX_MAX",
            default: memory.nodeBytesMax,
            in: (1 << 20)...(1 << 40),
            help: "memory for what nodes have learned; the least recently used go, one that needs more alone gets 422"
        )
        memory.keptBytesMax = environment.bytes(
            "PARLEY_MEMORY_KEPT_MAX",
            default: memory.keptBytesMax,
            in: (1 << 20)...(1 << 40),
            help: "memory for the last predictions of sessions; the least recently used go"
        )
    }

    private mutating func readMemory(_ environment: inout EnvironmentReader) {
        let port = environment.int(
            "PARLEY_MEMORY_COMPAT_PORT",
            default: 0,
            in: 0...65_535,
            help: "port on 127.0.0.1 that serves the memory of tenant default without a credential; 0: none"
        )
        guard port > 0 else { return }
        var local = http
        local.host = "127.0.0.1"
        local.port = UInt16(port)
        local.tls = nil
        memoryCompatibility = local
    }

    private mutating func readTLS(_ environment: inout EnvironmentReader) {
        let certificate = environment.optionalString(
            "PARLEY_TLS_CERTIFICATE",
            help: "file with the certificate chain, PEM"
        )
        let key = environment.optionalString("PARLEY_TLS_KEY", help: "file with the certificate's key, PEM")
        switch (certificate, key) {
        case (let certificate?, let key?):
            http.tls = (certificatePath: certificate, keyPath: key)
        case (nil, nil):
            break
        default:
            environment.fail("PARLEY_TLS_KEY", .conflict, "and PARLEY_TLS_CERTIFICATE go together: set both or none")
        }
    }
}
