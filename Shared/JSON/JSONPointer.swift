/// A JSON Pointer (RFC 6901): the way from a document's root to one value in it.
package struct JSONPointer: Sendable, Hashable {
    /// Member names and array positions, unescaped, from the root.
    package let tokens: [String]

    /// Makes a pointer of tokens.
    package init(tokens: [String]) { self.tokens = tokens }

    /// Reads the text form: empty, or `/` before each token with `~0` for `~` and `~1` for `/`.
    ///
    /// Nil when malformed.
    package init?(_ text: String) {
        guard !text.isEmpty else {
            tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        var tokens: [String] = []
        for part in text.unicodeScalars.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let token = Self.unescape(part) else { return nil }
            tokens.append(token)
        }
        self.tokens = tokens
    }

    private static func unescape(_ part: Substring.UnicodeScalarView) -> String? {
        var token = String.UnicodeScalarView()
        var isEscape = false
        for scalar in part {
            if isEscape {
                guard scalar == "0" || scalar == "1" else { return nil }
                token.append(scalar == "0" ? "~" : "/")
                isEscape = false
            } else if scalar == "~" {
                isEscape = true
            } else {
                token.append(scalar)
            }
        }
        return isEscape ? nil : String(token)
    }

    /// A token as it stands in the text form.
    package static func escape(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        var escaped = String.UnicodeScalarView()
        for scalar in token.unicodeScalars {
            switch scalar {
            case "~": escaped.append(contentsOf: "~0".unicodeScalars)
            case "/": escaped.append(contentsOf: "~1".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    /// The text form.
    package var string: String { tokens.map { "/" + Self.escape($0) }.joined() }
}

extension JSONValue {
    /// The value that `pointer` leads to; nil when there is none.
    ///
    /// Array positions are decimal without leading zeros.
    package func value(at pointer: JSONPointer) -> JSONValue? {
        var current = self
        for token in pointer.tokens {
            switch current {
            case .object(let object):
                guard let next = object[token] else { return nil }
                current = next
            case .array(let elements):
                let isPlain = token == "0" || (!token.hasPrefix("0") && token.utf8.allSatisfy { $0 &- 48 < 10 })
                guard isPlain, let position = Int(token), elements.indices.contains(position) else { return nil }
                current = elements[position]
            default: return nil
            }
        }
        return current
    }
}
