import HTTPTypes
import MTLSClient

/// What is known of a transfer when it is over, for `--write-out`.
struct Report {
    var url: String
    var effectiveURL: String
    var method: String
    /// Its place on the command line, from zero.
    var number = 0
    var head: HTTPResponse?
    /// Such as `HTTP/1.1`.
    var version: String?
    var connects = 0
    var redirects = 0
    var uploaded = 0
    var downloaded = 0
    var file: String?
    var exitCode: Int32 = 0
    var errorMessage: String?
    var verification = 0
    /// Since the start; zero when it did not come so far.
    var connected = Duration.zero
    var handshaken = Duration.zero
    var began = Duration.zero
    var total = Duration.zero

    /// The value of a variable, as curl names it.
    enum Value: Equatable {
        case text(String)
        case number(Int)
        case code(Int)
        case seconds(Duration)
        case absent
    }

    /// The names of the variables that ``value(of:)`` knows, for `%{json}`.
    static let names = [
        "content_type", "errormsg", "exitcode", "filename_effective", "http_code", "http_version", "method",
        "num_connects", "num_headers", "num_redirects", "response_code", "scheme", "size_download", "size_upload",
        "ssl_verify_result", "time_appconnect", "time_connect", "time_starttransfer", "time_total", "url",
        "url_effective", "urlnum",
    ]

    /// The value of `%{name}`; nil when there is no such variable.
    func value(of name: String) -> Value? {
        switch name {
        case "content_type": text(head?.headerFields[.contentType])
        case "errormsg": text(errorMessage)
        case "exitcode": .number(Int(exitCode))
        case "filename_effective": text(file)
        case "http_code", "response_code": .code(head?.status.code ?? 0)
        case "http_version": .text(version.map { String($0.dropFirst("HTTP/".count)) } ?? "0")
        case "method": .text(method)
        case "num_connects": .number(connects)
        case "num_headers": .number(head?.headerFields.count ?? 0)
        case "num_redirects": .number(redirects)
        case "scheme": .text(String(effectiveURL.prefix { $0 != ":" }).uppercased())
        case "size_download": .number(downloaded)
        case "size_upload": .number(uploaded)
        case "ssl_verify_result": .number(verification)
        case "time_appconnect": .seconds(handshaken)
        case "time_connect": .seconds(connected)
        case "time_starttransfer": .seconds(began)
        case "time_total": .seconds(total)
        case "url": .text(url)
        case "url_effective": .text(effectiveURL)
        case "urlnum": .number(number)
        default: nil
        }
    }

    private func text(_ text: String?) -> Value { text.map { .text($0) } ?? .absent }
}

extension Report.Value {
    /// As curl writes it: codes with three digits, times with six after the point.
    var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .code(let code): code < 100 ? "00\(code)".suffix(3).description : "\(code)"
        case .seconds(let duration): Self.decimal(duration)
        case .absent: ""
        }
    }

    /// As JSON has it.
    var json: String {
        switch self {
        case .text(let text): JSON.string(text).text
        case .number(let number), .code(let number): "\(number)"
        case .seconds(let duration): Self.decimal(duration)
        case .absent: "null"
        }
    }

    private static func decimal(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let fraction = "\(attoseconds / 1_000_000_000_000)"
        return "\(seconds)." + String(repeating: "0", count: max(0, 6 - fraction.count)) + fraction
    }
}
