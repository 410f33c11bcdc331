import HTTPClient
import JSON
import Models
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ScriptedModelServerTests {
    private func post(_ server: ScriptedModelServer, _ path: String, _ body: String) async throws -> HTTPClientResponse
    {
        let client = try HTTPClientPool()
        let base = String(server.baseURL.dropLast(3))
        return try await client.send(HTTPClientRequest(method: "POST", url: base + path, body: Array(body.utf8)))
    }

    @Test func servesOnlyWhatItKnows() async throws {
        let server = try ScriptedModelServer(.echo)
        #expect(try await post(server, "/v1/other", "{}").status == 404)
        #expect(try await post(server, "/v1/chat/completions", "{").status == 400)
        let client = try HTTPClientPool()
        #expect(try await client.send(HTTPClientRequest(url: server.baseURL + "/models")).status == 200)
        #expect(server.requestCount == 0)
    }

    @Test func limitsBodies() async throws {
        var configuration = ScriptedModelServer.Configuration()
        configuration.bodyBytesMax = 20
        let server = try ScriptedModelServer(.echo, configuration: configuration)
        let atLimit = "{\"messages\":[]" + String(repeating: " ", count: 5) + "}"
        #expect(atLimit.utf8.count == 20)
        #expect(try await post(server, "/v1/chat/completions", atLimit).status == 200)
        #expect(try await post(server, "/v1/chat/completions", atLimit + " ").status == 413)
    }

    @Test func recordsTheLastRequestsOnly() async throws {
        var configuration = ScriptedModelServer.Configuration()
        configuration.recordedRequestsMax = 2
        let server = try ScriptedModelServer(.echo, configuration: configuration)
        for _ in 0..<7 {
            _ = try await post(server, "/v1/chat/completions", "{}")
        }
        #expect(server.requestCount == 7 && (2...4).contains(server.requests.count))
        #expect(server.requests.last?.number == 6)
    }

    @Test func anAsynchronousScriptDecidesByTheRequest() async throws {
        let server = try ScriptedModelServer(
            .handler { request in
                await Task.yield()
                return .text("\(request.model)/\(request.lastRole)/\(request.number)/\(request.toolNames)")
            }
        )
        let factory = ModelProviderFactory(client: try HTTPClientPool())
        let profile = ModelProfile(name: "p", provider: .openai, baseURL: server.baseURL, model: "m")
        let tool = ModelTool(name: "t", description: "", parameters: [:])
        let request = ModelRequest(messages: [.system("s"), .user("u")], tools: [tool])
        #expect(try await factory.provider(for: profile).complete(request).text == "m/user/0/[\"t\"]")
    }

    @Test func theFactoryMakesBothKinds() throws {
        let factory = ModelProviderFactory(client: try HTTPClientPool())
        #expect(try factory.provider(for: .builtIn) is LocalPlannerProvider)
        var profile = ModelProfile(name: "p", provider: .openai, model: "m")
        #expect(throws: ModelError.self) { try factory.provider(for: profile) }
        profile.baseURL = "file:///etc/passwd"
        #expect(throws: ModelError.self) { try factory.provider(for: profile) }
    }
}
