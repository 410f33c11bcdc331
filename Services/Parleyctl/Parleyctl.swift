import Glibc
import Lifecycle

/// The operator's command line: `parleyctl COMMAND …`.
@main
enum Parleyctl {
    static func main() async {
        // A client that writes to a closed connection is to get an error, not to end the process.
        ProcessSignals.surviveBrokenPipes()
        exit(await CommandTable.run(Array(CommandLine.arguments.dropFirst())))
    }
}
