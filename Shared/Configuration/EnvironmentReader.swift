/// Reads settings from an environment, notes what is wrong and what each setting means, and goes on, so that an
/// operator hears of everything at once.
///
/// ```swift
/// var reader = EnvironmentReader(ProcessEnvironment.current())
/// let port = reader.int("PARLEY_PORT", default: 8010, in: 1...65_535, help: "port of the HTTP API")
/// let key = reader.secret("PARLEY_MODEL_KEY", default: nil, help: "API key of the model")
/// try reader.finish()
/// ```
/// An empty value counts as not set. What is wrong reads as the default, or as an empty value of its type when there is
/// none: it must not be used before ``finish()`` has passed.
package struct EnvironmentReader: Sendable {
    /// The longest secret that is read from a file, in bytes.
    package static let secretFileBytesMax = 65_536

    private let environment: [String: String]
    private let readFile: @Sendable (String) -> [UInt8]?
    /// The settings that were asked for, in order.
    package private(set) var settings: [Setting] = []
    /// What is wrong so far.
    package private(set) var problems: [ConfigurationError.Problem] = []

    /// Makes a reader.
    /// - Parameters:
    ///   - environment: Keys and values.
    ///   - readFile: Gives the content of a file with a secret, or nil when it cannot be read or is too long.
    package init(
        _ environment: [String: String],
        readFile: @escaping @Sendable (String) -> [UInt8]? = {
            SecretFile.contents(of: $0, bytesMax: EnvironmentReader.secretFileBytesMax)
        }
    ) {
        self.environment = environment
        self.readFile = readFile
    }

    /// Throws a ``ConfigurationError`` with all that is wrong.
    package func finish() throws {
        if !problems.isEmpty { throw ConfigurationError(problems: problems) }
    }

    /// Notes that a value, though readable, cannot be used: for what only the caller can tell.
    package mutating func fail(_ key: String, _ code: ConfigurationError.Code, _ message: String) {
        problems.append(.init(key: key, code: code, message: message))
    }

    /// Keys that begin with `prefix` and that nobody asked for, each with the known key that it may be meant to be.
    ///
    /// `known` are keys of other parts, which may stand in an environment that the parts share.
    package func unknownKeys(prefix: String = "PARLEY_", known: Set<String> = []) -> [String] {
        let asked = Set(settings.flatMap { $0.kind == .secret ? [$0.key, $0.key + "_FILE"] : [$0.key] })
        let strangers = environment.keys.filter { $0.hasPrefix(prefix) && !asked.contains($0) && !known.contains($0) }
        return strangers.sorted().map { key in
            guard let near = Spelling.nearest(to: key, in: asked.union(known)) else { return "unknown setting \(key)" }
            return "unknown setting \(key): did you mean \(near)?"
        }
    }

    /// The value of a key, or nil when it is not set.
    ///
    /// Notes the setting and, when nothing was given for one that must be, the problem.
    mutating func raw(
        _ key: String,
        _ kind: Setting.Kind,
        default fallback: String?,
        isRequired: Bool,
        help: String
    ) -> String? {
        precondition(Self.isKey(key), "a key has capital letters, digits and underscores")
        let value = environment[key].flatMap { $0.isEmpty ? nil : $0 }
        let shown = kind == .secret ? value.map { _ in Secret.mask } : value
        let setting = Setting(
            key: key,
            kind: kind,
            defaultText: fallback,
            isRequired: isRequired,
            help: help,
            effectiveText: shown ?? fallback ?? "",
            isSet: value != nil
        )
        if !settings.contains(where: { $0.key == key }) { settings.append(setting) }
        if value == nil && isRequired {
            fail(key, .missing, "is not set; expected \(kind.expectation): \(help)")
        }
        return value
    }

    /// Notes a value that cannot be used.
    mutating func fail(_ key: String, value: String, code: ConfigurationError.Code = .malformed, expected: String) {
        fail(key, code, "is \(Spelling.quoted(value)); expected \(expected)")
    }

    /// Reads a secret from the variable or the file named by the variable with `_FILE` behind its name.
    mutating func rawSecret(_ key: String, isRequired: Bool, help: String) -> Secret? {
        let fileKey = key + "_FILE"
        guard let path = environment[fileKey], !path.isEmpty else {
            return raw(key, .secret, default: nil, isRequired: isRequired, help: help).map(Secret.init)
        }
        let direct = raw(key, .secret, default: nil, isRequired: false, help: help)
        guard direct == nil else {
            fail(key, .conflict, "is set, and \(fileKey) too; set one of them")
            return nil
        }
        guard let bytes = readFile(path) else {
            fail(
                fileKey,
                .unreadableFile,
                "names a file that cannot be read or is longer than \(Self.secretFileBytesMax) bytes"
            )
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let trimmed = text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !trimmed.isEmpty else {
            fail(fileKey, .unreadableFile, "names an empty file")
            return nil
        }
        mask(key)
        return Secret(trimmed)
    }

    /// Takes the value of a setting out of what is shown.
    mutating func mask(_ key: String) {
        guard let index = settings.firstIndex(where: { $0.key == key }) else { return }
        settings[index].effectiveText = Secret.mask
        settings[index].isSet = true
    }

    private static func isKey(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// A setting that a program reads: what `--help` and `--check-config` show.
package struct Setting: Sendable, Equatable {
    /// What a value must be.
    package enum Kind: Sendable, Equatable {
        /// Any text.
        case string
        /// A whole number.
        case int
        /// A number.
        case double
        /// Yes or no.
        case bool
        /// A length of time.
        case duration
        /// A size.
        case bytes
        /// A URL.
        case url
        /// One of these words.
        case choice([String])
        /// Words with commas between them.
        case list
        /// A text that is never shown, or the path of a file with it under the key with `_FILE`.
        case secret

        /// A word for tables.
        package var name: String {
            switch self {
            case .string: "text"
            case .int: "number"
            case .double: "decimal"
            case .bool: "yes/no"
            case .duration: "duration"
            case .bytes: "size"
            case .url: "URL"
            case .choice(let words): words.joined(separator: "|")
            case .list: "list"
            case .secret: "secret"
            }
        }

        /// What a value must look like, for messages.
        package var expectation: String {
            switch self {
            case .string: "a text"
            case .int: "a whole number"
            case .double: "a number"
            case .bool: "true or false"
            case .duration: "a duration such as 250ms, 5s, 2m, 1h or 7d"
            case .bytes: "a size such as 512, 64KiB or 10MiB"
            case .url: "a URL such as http://host:1234"
            case .choice(let words): "one of " + words.joined(separator: ", ")
            case .list: "words with commas between them"
            case .secret: "a secret, in the variable or in a file that the variable with _FILE behind its name names"
            }
        }
    }

    /// The key in the environment.
    package let key: String
    /// What a value must be.
    package let kind: Kind
    /// The default in the way that it would be written; nil when there is none.
    package let defaultText: String?
    /// Whether the program does not start without it.
    package let isRequired: Bool
    /// What it means, in a few words.
    package let help: String
    /// The value that counts, masked when it is a secret.
    package internal(set) var effectiveText: String
    /// Whether the environment sets it.
    package internal(set) var isSet: Bool
}
