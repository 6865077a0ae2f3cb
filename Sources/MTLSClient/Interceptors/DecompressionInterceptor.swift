import Decompression
import HTTPTypes
import MTLSCore
import NIOCore

/// Asks for compressed responses and gives them out decompressed, without the fields that told of the compression.
struct DecompressionInterceptor: Interceptor {
    let settings: DecompressionSettings

    /// What Accept-Encoding says: what there is a library for.
    private static let offer = ContentCoding.allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", ")

    func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
        var request = request
        let fields = request.head.headerFields
        // A range is one of the compressed bytes.
        if fields[.acceptEncoding] == nil, fields[.range] == nil {
            request.head.headerFields[.acceptEncoding] = Self.offer
        }
        let response = try await next(request)
        let hasBody = request.head.method != .head && ![204, 206, 304].contains(response.status.code)
        return hasBody ? try decoded(response) : response
    }

    private func decoded(_ response: Response) throws -> Response {
        let names = response.headerFields.contentCodings
        let codings = names.compactMap { ContentCoding(name: $0) }.filter(\.isAvailable)
        // What was not asked for is the caller's to make sense of.
        guard !codings.isEmpty, codings.count == names.count else { return response }
        guard codings.count <= 2 else {
            throw MTLSError(
                .responseEncodingInvalid, phase: .response, fault: .peer,
                "the response's body is compressed \(codings.count) times over")
        }
        let body = try DecodedBody(response.body, codings, DecompressionLimits(settings))
        var head = response.head
        head.headerFields[.contentEncoding] = nil
        head.headerFields[.contentLength] = nil
        return response.replacing(
            head: head, body: ResponseBody(storage: .pulled(PulledBody { try await body.next() })))
    }
}
