import ArgumentParser
import MTLSClient

/// What is done about answers that are not the last word.
struct FollowOptions: ParsableArguments {
    @Flag(
        name: [.customShort("L"), .long],
        help: """
            Follow redirects. The client certificate and credentials are for the host of the URL: others get neither. \
            From https to http is an error.
            """)
    var location = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("How many redirects to follow; 50 unless given, -1 for any number.", valueName: "number"))
    var maxRedirs: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            """
            Try again up to so many times when the network fails, no answer comes, or the status is 408, 429, 500, 502, \
            503 or 504. Only what may be repeated, so no POST, and nothing that certificates, PINs or keys are the \
            cause of. --max-time is for all tries together.
            """, valueName: "number"))
    var retry: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Wait so long before each further try, instead of a random time of up to 1, 2, 4… seconds.",
            valueName: "seconds"))
    var retryDelay: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Begin no further try so long after the first.", valueName: "seconds"))
    var retryMaxTime: String?

    @Flag(
        name: .long,
        help: "Ask for a compressed answer (gzip, deflate, and br and zstd as installed), and decompress it.")
    var compressed = false
}

/// The same, examined.
struct FollowPlan {
    /// nil returns redirects like any answer.
    let redirects: RedirectSettings?
    let retries: RetrySettings?
    let decompression: DecompressionSettings?

    init(_ options: FollowOptions) throws(UsageError) {
        let limit = try options.maxRedirs.map { (text) throws(UsageError) in
            text == "-1" ? Int.max : try Self.number(text, "--max-redirs")
        }
        redirects = options.location ? .follow(maximum: limit ?? 50) : nil
        decompression = options.compressed ? DecompressionSettings() : nil

        let maximum = try options.retry.map { (text) throws(UsageError) in try Self.number(text, "--retry") }
        let delay = try Self.seconds(options.retryDelay, "--retry-delay")
        let time = try Self.seconds(options.retryMaxTime, "--retry-max-time")
        guard let maximum, maximum > 0 else {
            retries = nil
            return
        }
        var retries = RetrySettings(maximum: maximum)
        // curl's times and statuses.
        retries.minimumDelay = delay ?? .seconds(1)
        retries.maximumDelay = delay ?? .seconds(600)
        retries.isJittered = delay == nil
        retries.maximumTime = time
        retries.maximumRetryAfter = time ?? .seconds(600)
        retries.statuses.insert(408)
        self.retries = retries
    }

    private static func number(_ text: String, _ option: String) throws(UsageError) -> Int {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(text),
            number < .max
        else { throw UsageError("\(option) takes a number, not '\(text)'") }
        return number
    }

    /// As with curl, zero is as if the option were not given.
    private static func seconds(_ text: String?, _ option: String) throws(UsageError) -> Duration? {
        guard let text else { return nil }
        let time = try ConnectionPlan.seconds(text, option)
        return time > .zero ? time : nil
    }

    /// Sets what the options say.
    func apply(to settings: inout ClientSettings, journal: Journal, console: Console) {
        settings.decompression = decompression
        settings.redirects = redirects
        settings.redirects?.willFollow = { journal.redirected($0) }
        settings.retries = retries
        settings.retries?.willRetry = { console.warn(Self.text(of: $0)) }
    }

    private static func text(of notice: RetryNotice) -> String {
        let reason =
            switch notice.reason {
            case .status(let status): "the server answered with status \(status.code)"
            case .error(let error): error.message
            }
        return "\(reason); trying again in \(notice.delay.forPeople), \(notice.left) left"
    }
}
