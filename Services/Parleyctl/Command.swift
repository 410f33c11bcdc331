/// One command of the operator's command line.
protocol Command {
    /// The word that it goes by.
    static var name: String { get }
    /// What it is for, in a few words.
    static var summary: String { get }
    /// How it is called, a line for each form.
    static var usage: String { get }
    /// What its options mean and what it reads, for `--help`.
    static var details: String { get }
    /// Does what it is for.
    ///
    /// - Throws: ``UsageError``, ``OperatorError``, ``SilentFailure``, or an error of a module that it uses.
    static func run(_ arguments: inout Arguments) async throws
}

extension Command {
    /// Summary, usage and details.
    static var help: String {
        let forms = usage.split(separator: "\n").map { "  \($0)\n" }.joined()
        return "parleyctl \(name): \(summary)\n\nusage:\n\(forms)" + (details.isEmpty ? "" : "\n\(details)\n")
    }
}
