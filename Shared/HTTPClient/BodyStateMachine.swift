/// What waits between the socket and the reader of a streamed body.
///
/// `open` (bytes may come) → `ended` (complete, or with an error). Bytes that came before an error are still delivered.
struct BodyStateMachine {
    enum ReceiveAction: Equatable {
        /// The bytes are kept for the reader.
        case kept
        /// The reader was waiting: hand it these bytes.
        case deliver([UInt8])
        /// The buffer is full: nothing was taken, stop reading the socket.
        case pause
    }

    enum ReadAction: Equatable {
        /// Give these bytes to the reader; `resumes`: the socket was paused and is to be read again.
        case deliver([UInt8], resumes: Bool)
        /// Nothing yet: keep the reader waiting.
        case wait
        /// The body is complete.
        case end
        /// The body was cut.
        case fail(HTTPClientError)
    }

    private enum End {
        case complete
        case failed(HTTPClientError)
    }

    let bufferBytesMax: Int
    private var buffer: [UInt8] = []
    private var end: End?
    private(set) var isPaused = false
    private var isReaderWaiting = false

    init(bufferBytesMax: Int) {
        self.bufferBytesMax = bufferBytesMax
    }

    /// Bytes came from the socket.
    ///
    /// A single piece may go over the limit by its own length, which libcurl bounds (16 KB).
    mutating func received(_ bytes: UnsafeRawBufferPointer) -> ReceiveAction {
        guard end == nil else { return .kept }
        if isReaderWaiting {
            isReaderWaiting = false
            return .deliver([UInt8](bytes))
        }
        guard buffer.count < bufferBytesMax else {
            isPaused = true
            return .pause
        }
        buffer.append(contentsOf: bytes)
        return .kept
    }

    /// The reader asks for bytes.
    mutating func read() -> ReadAction {
        precondition(!isReaderWaiting, "a streamed body has one reader")
        if !buffer.isEmpty {
            let bytes = buffer
            buffer = []
            let resumes = isPaused
            isPaused = false
            return .deliver(bytes, resumes: resumes)
        }
        switch end {
        case nil:
            isReaderWaiting = true
            return .wait
        case .complete:
            return .end
        case .failed(let error):
            return .fail(error)
        }
    }

    /// The exchange is over.
    ///
    /// Returns what a waiting reader gets, or nil if none waits.
    mutating func ended(_ error: HTTPClientError?) -> ReadAction? {
        guard end == nil else { return nil }
        end = error.map { .failed($0) } ?? .complete
        guard isReaderWaiting else { return nil }
        isReaderWaiting = false
        return error.map { .fail($0) } ?? .end
    }
}
