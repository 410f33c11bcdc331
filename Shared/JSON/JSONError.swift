import Errors

/// Why a JSON document was refused: a code, the byte at which it was noticed, and for decoding the member meant.
///
/// It never carries text of the document, so that it can be logged and sent to a client as it is.
package struct JSONError: DescribedError, Sendable, Equatable {
    /// What is wrong, one code for each reason a caller may want to tell apart.
    package enum Code: String, Sendable, CaseIterable {
        /// The document ends inside a value.
        case unexpectedEnd
        /// A byte that no rule of RFC 8259 allows at this place.
        case unexpectedByte
        /// A number that is not written as RFC 8259 §6 asks (leading zero, missing digits).
        case invalidNumber
        /// A number literal longer than ``JSONLimits/numberBytesMax``.
        case numberTooLong
        /// A backslash in front of a character that cannot be escaped, or a bad `\u` escape.
        case invalidEscape
        /// A `\u` escape of half of a surrogate pair.
        case loneSurrogate
        /// A control character below U+0020 inside a string.
        case controlCharacter
        /// The document is not UTF-8.
        case invalidUTF8
        /// Two members of one object have the same name.
        case duplicateKey
        /// Arrays and objects nest deeper than ``JSONLimits/depthMax``.
        case depthExceeded
        /// More bytes than ``JSONLimits/bytesMax``.
        case documentTooLarge
        /// Something other than white space follows the document.
        case trailingBytes
        /// A member that is asked for is not there.
        case missingMember
        /// A value has another type than the one asked for.
        case wrongType
        /// A number does not fit the type asked for, or a value is not one of those allowed.
        case outOfRange
        /// An object has a member that is not one of those allowed.
        case unknownMember
    }

    /// What is wrong.
    package let code: Code
    /// Offset of the byte at which it was noticed, counted from 0; nil when a tree and not a text was decoded.
    package let byteOffset: Int?
    /// JSON Pointer (RFC 6901) of the member that the reading code asked for; empty when there is none.
    package let path: String
    /// What was expected instead, in words of the reading code; empty when the code says it all.
    package let expected: String

    /// Makes an error; parsers give the offset, decoders the path.
    package init(_ code: Code, at byteOffset: Int? = nil, path: String = "", expected: String = "") {
        self.code = code
        self.byteOffset = byteOffset
        self.path = path
        self.expected = expected
    }

    /// The same document fails in the same way again, so it is never worth a retry.
    package var isRetriable: Bool { false }

    /// A sentence for logs and clients: what is wrong and where, without any text of the document.
    package var description: String {
        var text = code.reason
        if !path.isEmpty { text += " at \(path)" }
        if let byteOffset { text += " at byte \(byteOffset)" }
        if !expected.isEmpty { text += ", expected \(expected)" }
        return text
    }
}

extension JSONError.Code {
    fileprivate var reason: String {
        switch self {
        case .unexpectedEnd: "the JSON document ends too early"
        case .unexpectedByte: "unexpected byte in the JSON document"
        case .invalidNumber: "malformed number"
        case .numberTooLong: "number with too many digits"
        case .invalidEscape: "malformed escape sequence in a string"
        case .loneSurrogate: "unpaired surrogate in a string"
        case .controlCharacter: "control character in a string, it must be escaped"
        case .invalidUTF8: "the JSON document is not UTF-8"
        case .duplicateKey: "duplicate member name in an object"
        case .depthExceeded: "arrays and objects nest too deep"
        case .documentTooLarge: "the JSON document is too large"
        case .trailingBytes: "unexpected bytes after the JSON document"
        case .missingMember: "missing member"
        case .wrongType: "value of the wrong type"
        case .outOfRange: "value out of range"
        case .unknownMember: "unknown member"
        }
    }
}

/// How much a JSON document may ask of its reader.
package struct JSONLimits: Sendable, Equatable {
    /// Greatest nesting of arrays and objects; `[[1]]` has depth 2.
    ///
    /// Default 64.
    package var depthMax: Int
    /// Greatest size of a document in bytes.
    ///
    /// Default 16 MiB.
    package var bytesMax: Int
    /// Greatest length of one number literal in bytes.
    ///
    /// Default 1024.
    package var numberBytesMax: Int

    /// Makes limits; each has a default that suits messages from the network.
    package init(depthMax: Int = 64, bytesMax: Int = 16 * 1024 * 1024, numberBytesMax: Int = 1024) {
        precondition(depthMax >= 0 && depthMax <= 1024, "depthMax must be 0...1024: the parser recurses")
        precondition(bytesMax >= 0 && numberBytesMax > 0, "limits must be positive")
        self.depthMax = depthMax
        self.bytesMax = bytesMax
        self.numberBytesMax = numberBytesMax
    }

    /// The limits for messages from the network.
    package static let standard = JSONLimits()
}
