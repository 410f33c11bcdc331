import Configuration
import Domain
import HTTPServer
import Lifecycle
import ServiceKit
import Store
import Tools

/// The gateway: takes messages over HTTP and WebSocket, and streams the answers back.
@main
enum Gateway {
    static func main() async {
        await ServiceMain.run(
            "parley-gateway",
            "HTTP and WebSocket API",
            read: { environment in GatewayConfiguration(environment: &environment) },
            build: { configuration in
                let runtime = try ServiceRuntime(configuration.service)
                return (runtime, try GatewayParts(configuration, runtime).services)
            }
        )
    }
}
