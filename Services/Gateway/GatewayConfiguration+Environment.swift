import Configuration
import HTTPServer
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
        http.keepAliveTimeout = environment.duration(
            "PARLEY_HTTP_KEEP_ALIVE",
            default: http.keepAliveTimeout,
            help: "how long a connection may rest between two requests"
        )
        streams.queuedEventsMax = environment.int(
            "PARLEY_STREAM_QUEUE_MAX",
            default: streams.queuedEventsMax,
            in: 1...1_000_000,
            help: "events that may wait for a slow reader before it is cut off; it can resume"
        )
        readTLS(&environment)
        readMemory(&environment)
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
