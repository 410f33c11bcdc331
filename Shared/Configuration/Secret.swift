/// A text that must not be seen: it prints as `***`, in messages, dumps and debuggers alike.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text itself.
    ///
    /// Hand it to the library that needs it; never log it or put it into an error.
    package let revealed: String

    /// Hides a text.
    package init(_ text: String) {
        revealed = text
    }

    /// Always `***`.
    package var description: String { Self.mask }
    /// Always `***`.
    package var debugDescription: String { Self.mask }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// What stands in for any secret.
    static let mask = "***"
}
