import HTTPTypes
import MTLSClient

/// What `-d` and `-T` send.
enum Upload {
    /// From so many bytes on the server is asked whether it wants them, as curl does.
    static let consentLimit = 1 << 20

    static func body(_ plan: Plan) throws(FileFailure) -> RequestBody {
        if let file = plan.upload { return .file(file == "-" ? "/dev/stdin" : file) }
        if plan.data.isEmpty { return .none }
        return .bytes(try DataPart.body(plan.data, read: { (path) throws(FileFailure) in try Files.read(path) }))
    }

    /// How long it will be; a file that cannot be read is left to the request to tell of.
    static func length(of body: RequestBody) async -> RequestBodyLength {
        (try? await body.examinedLength()) ?? .unknown
    }

    static func fields(_ length: RequestBodyLength) -> HTTPFields {
        switch length {
        case .known(let count) where count <= consentLimit: [:]
        case .empty: [:]
        case .known, .unknown: [.expect: "100-continue"]
        }
    }

    /// The URL, with the file's name where its path ends with a slash or there is none.
    static func url(_ url: String, file: String?) -> String {
        guard let file, file != "-", let name = file.split(separator: "/").last,
            !url.contains(where: { "?#".contains($0) })
        else { return url }
        let rest = url.contains("://") ? url.split(separator: "://", maxSplits: 1).last ?? "" : url[...]
        if url.hasSuffix("/") { return url + encoded(name) }
        return rest.contains("/") ? url : "\(url)/\(encoded(name))"
    }

    private static func encoded(_ name: Substring) -> String {
        var text = ""
        for byte in name.utf8 {
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            if isPlain || "-._~".utf8.contains(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
