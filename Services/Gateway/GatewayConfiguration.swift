import HTTPServer
import MemoryStore
import ServiceKit

/// What a gateway needs to know.
struct GatewayConfiguration: Sendable {
    /// What every service needs to know.
    var service: ServiceSettings
    /// The HTTP server's limits.
    var http: HTTPServerConfiguration
    /// The tools that clients may list and call.
    var tools: ToolSettings
    /// Where the memory listens for clients without a credential; nil: nowhere.
    var memoryCompatibility: HTTPServerConfiguration?
    /// The limits of the memory.
    var memory = MemoryStoreConfiguration()
    /// The most bytes of an answer with predictions.
    ///
    /// Default 64 MB.
    var memoryAnswerBytesMax = 64 << 20
    /// The limits of streams.
    var streams: StreamHub.Limits
}
