import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// Starting.
    @Suite struct StartTests {
        @Test(arguments: [1, 2])
        func aPortThatIsTakenIsAnError(_ loops: Int) async throws {
            try await withServer(configured { $0.loops = loops }) { port in
                for more in [1, 2] {
                    let second = HTTPListener(
                        configuration: configured { configuration in
                            configuration.port = port
                            configuration.loops = more
                        }
                    ) { _ in HTTPResponse(status: 200) }
                    let error = await #expect(throws: HTTPServerError.self) { try await second.start() }
                    #expect(error?.code == .listening)
                    #expect(error?.description.contains("\(port)") == true)
                }
            }
        }

        @Test func aConfigurationThatContradictsItselfIsAnError() async throws {
            let server = HTTPListener(
                configuration: configured { configuration in
                    configuration.loops = 0
                    configuration.headTimeout = .zero
                }
            ) { _ in HTTPResponse(status: 200) }
            let error = await #expect(throws: HTTPServerError.self) { try await server.start() }
            #expect(error?.code == .configuration)
            #expect(error?.description == "loops must be at least 1; headTimeout must be more than 0")
        }

        @Test func anAddressThatIsNotThereIsAnError() async throws {
            for (host, code) in [("no such host", HTTPServerError.Code.address), ("192.0.2.1", .listening)] {
                let server = HTTPListener(configuration: configured { $0.host = host }) { _ in
                    HTTPResponse(status: 200)
                }
                let error = await #expect(throws: HTTPServerError.self) { try await server.start() }
                #expect(error?.code == code)
            }
        }
    }
}
