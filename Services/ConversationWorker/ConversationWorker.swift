import Configuration
import Lifecycle
import ServiceKit

/// The conversation worker: takes messages from the inbound topic and runs their turns.
@main
enum ConversationWorker {
    static func main() async {
        await ServiceMain.run(
            "parley-worker",
            "runs the turns of conversations",
            read: { environment in WorkerConfiguration(environment: &environment) },
            build: { configuration in
                let runtime = try ServiceRuntime(configuration.service)
                return (runtime, try WorkerParts(configuration, runtime).services)
            }
        )
    }
}
