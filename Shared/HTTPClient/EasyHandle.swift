import CCurl

/// A libcurl easy handle with the lists that must outlive its transfer.
///
/// Used by one loop's thread only.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    init?() {
        guard let pointer = curl_easy_init() else { return nil }
        self.pointer = pointer
    }

    deinit {
        curl_easy_cleanup(pointer)
        freeLists()
    }

    /// Makes the handle ready for another transfer; the connection cache is the multi handle's and stays.
    func reset() {
        curl_easy_reset(pointer)
        freeLists()
    }

    /// Sets every option for the transfer, whose `Unmanaged` pointer the callbacks get as their context.
    func prepare(for transfer: Transfer, context: UnsafeMutableRawPointer) {
        let request = transfer.request
        let configuration = transfer.configuration
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PRIVATE, context)
        set(CURLOPT_HEADERDATA, context)
        set(CURLOPT_WRITEDATA, context)
        ccurl_set_data_callback(pointer, CURLOPT_HEADERFUNCTION, receiveHeader)
        ccurl_set_data_callback(pointer, CURLOPT_WRITEFUNCTION, receiveBody)
        ccurl_set_ready_callback(pointer, connectionIsReady, context)
        setGeneral(configuration)
        setTLS(configuration)
        setMethod(request)
        setHeaders(request, configuration)
        if request.followsRedirects {
            set(CURLOPT_FOLLOWLOCATION, 1)
            set(CURLOPT_MAXREDIRS, configuration.redirectsMax)
            set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        }
        if request.usesFreshConnection {
            set(CURLOPT_FRESH_CONNECT, 1)
        }
        if let address = request.connectAddress {
            // An empty host and port match every request; an empty port keeps the request's.
            let isBare = address.utf8.contains(UInt8(ascii: ":")) && !address.hasPrefix("[")
            setList(CURLOPT_CONNECT_TO, ["::" + (isBare ? "[\(address)]" : address) + ":"])
        }
    }

    private func setGeneral(_ configuration: HTTPClientPool.Configuration) {
        set(CURLOPT_NOSIGNAL, 1)
        // A name server that hangs must not hold the loop when its transfer is given up.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        set(CURLOPT_HTTP09_ALLOWED, 0)
        let version = configuration.isHTTP2Allowed ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        set(CURLOPT_HTTP_VERSION, version)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(configuration.connectTimeout.clampedNanoseconds / 1_000_000)))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_PROXY, configuration.proxy ?? "")
        if configuration.proxy == nil {
            set(CURLOPT_NOPROXY, "*")
        }
        set(CURLOPT_USERAGENT, configuration.userAgent)
    }

    private func setTLS(_ configuration: HTTPClientPool.Configuration) {
        set(CURLOPT_SSL_VERIFYPEER, configuration.isTLSVerified ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, configuration.isTLSVerified ? 2 : 0)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let file = configuration.tlsCAFile {
            set(CURLOPT_CAINFO, file)
        }
    }

    private func setMethod(_ request: HTTPClientRequest) {
        if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
            return
        }
        if request.body == nil, request.method == "GET" {
            return
        }
        if request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method) {
            set(CURLOPT_POST, 1)
            let body = request.body ?? []
            ccurl_set_offset(pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            body.withUnsafeBytes { bytes in
                // A null pointer would make libcurl ask a read callback for the body.
                _ = withUnsafePointer(to: UInt8(0)) { empty in
                    ccurl_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress ?? UnsafeRawPointer(empty))
                }
            }
        }
        set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    private func setHeaders(_ request: HTTPClientRequest, _ configuration: HTTPClientPool.Configuration) {
        // A field without a value takes back one that libcurl would add: the wait for `100 Continue`, and a form's
        // type.
        var lines = ["Expect:"]
        if request.headers["content-type"] == nil {
            lines.append("Content-Type:")
        }
        for field in request.headers.fields {
            // For libcurl `Name:` means to remove a header and `Name;` to send it empty.
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        setList(CURLOPT_HTTPHEADER, lines)
    }

    private func setList(_ option: CURLoption, _ lines: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            list = curl_slist_append(list, line) ?? list
        }
        if let list {
            lists.append(list)
            ccurl_set_list(pointer, option, list)
        }
    }

    private func set(_ option: CURLoption, _ value: Int) {
        ccurl_set_long(pointer, option, value)
    }

    private func set(_ option: CURLoption, _ value: String) {
        ccurl_set_string(pointer, option, value)
    }

    private func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
        ccurl_set_pointer(pointer, option, value)
    }

    private func freeLists() {
        for list in lists {
            curl_slist_free_all(list)
        }
        lists.removeAll()
    }
}

/// Called by libcurl when the request has a connection, a new one or one that was used before, and is about to be sent.
private func connectionIsReady(
    _ context: UnsafeMutableRawPointer?,
    _ remoteAddress: UnsafeMutablePointer<CChar>?,
    _ localAddress: UnsafeMutablePointer<CChar>?,
    _ remotePort: Int32,
    _ localPort: Int32
) -> Int32 {
    guard let context else { return CURL_PREREQFUNC_ABORT }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.hasConnection = true
    transfer.lastActivity = monotonicNanoseconds()
    return CURL_PREREQFUNC_OK
}

/// Called by libcurl with one header line.
///
/// Anything but the full length stops the transfer.
private func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context, let bytes else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.lastActivity = monotonicNanoseconds()
    return transfer.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

/// Called by libcurl with a piece of the body, at most `CURL_MAX_WRITE_SIZE` (16 KB).
private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context, let bytes else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    transfer.lastActivity = monotonicNanoseconds()
    switch transfer.receiveBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) {
    case .taken: return size * count
    case .pause: return Int(CURL_WRITEFUNC_PAUSE)
    case .stop: return 0
    }
}
