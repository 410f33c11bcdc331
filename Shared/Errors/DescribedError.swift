/// An error of this project, which says in its `description` what went wrong, with which input and what to do.
///
/// By conforming a type promises that its descriptions hold no secret and nothing that a user, a model or a tool wrote,
/// so that they may stand in a log line and in `/health`. What quotes data is kept apart, in a property of its own.
package protocol DescribedError: Error, CustomStringConvertible {}

extension Error {
    /// What may be written of the error where others read it: the description of a ``DescribedError``; of any other the
    /// name of its type and, for an enum, of its case.
    ///
    /// What an unknown error holds may be a secret or a user's text: `String(describing:)` would print all of it.
    package var loggable: String {
        if let error = self as? any DescribedError { return error.description }
        let type = String(describing: type(of: self))
        return Self.caseName(of: self).map { "\(type).\($0)" } ?? type
    }

    private static func caseName(of value: Self) -> String? {
        let mirror = Mirror(reflecting: value)
        guard mirror.displayStyle == .enum, !(value is any CustomReflectable) else { return nil }
        // The label of an associated value is its case's name. A case without one is told from the text that the
        // runtime makes, which a type can only replace by one of these protocols.
        if let child = mirror.children.first { return child.label }
        if value is any CustomStringConvertible || value is any CustomDebugStringConvertible
            || value is any TextOutputStreamable
        {
            return nil
        }
        return String(describing: value)
    }
}
