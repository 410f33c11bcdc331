import HTTPServer
import Observability
import ServiceKit
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// What a service tells its operator of its server's troubles.
    @Suite struct ServiceLogTests {
        @Test func aServiceLogsWhatItsServerCannotDo() async throws {
            let sink = MemorySink()
            let port = try LoopbackPort.free()
            let service = HTTPService(
                configuration: configured { $0.port = port },
                logger: Logger(service: "test", sink: sink)
            ) { try await TestApplication.handle($0) }
            async let running: Void = service.run()
            try await eventually("the service to listen") {
                sink.lines.contains { $0.contains("listening") }
            }
            _ = try await answer(port, to: "GET /broken-stream HTTP/1.0\r\n\r\n")
            _ = try await answer(port, to: "GET /secret HTTP/1.0\r\n\r\n")
            for message in ["a streamed answer failed", "a request failed"] {
                try await eventually("the line: \(message)") {
                    sink.lines.contains { $0.contains("\"\(message)\"") && $0.contains("\"level\":\"error\"") }
                }
            }
            await service.shutdown()
            try await running
        }
    }
}
