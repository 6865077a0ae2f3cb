package import HTTPTypes

/// Decides what follows a redirect (RFC 9110 §15.4, and the Fetch standard where that leaves a choice). One value goes
/// through all the redirects of a request.
package struct RedirectPolicy: Sendable {
    /// Where a request goes.
    package struct Place: Hashable, Sendable {
        package var method: HTTPRequest.Method
        package var origin: Origin
        package var target: String
        package var fragment: String?

        package init(method: HTTPRequest.Method, origin: Origin, target: String, fragment: String? = nil) {
            self.method = method
            self.origin = origin
            self.target = target
            self.fragment = fragment
        }

        package var url: String {
            "\(origin.scheme.rawValue)://\(origin.authority)\(target)" + (fragment.map { "#\($0)" } ?? "")
        }

        /// Without the query, which may hold secrets.
        fileprivate var shown: String {
            "\(origin.scheme.rawValue)://\(origin.authority)\(target.prefix { $0 != "?" }.prefix(80))"
        }
    }

    /// The next request.
    package struct Step: Sendable {
        package var place: Place
        package var fields: HTTPFields
        /// Whether the body is sent again; else there is none any more.
        package var keepsBody: Bool
    }

    private let settings: RedirectSettings
    /// What was asked, the current place last.
    private var places: [Place]

    package init(_ settings: RedirectSettings, start: Place) {
        self.settings = settings
        places = [start]
    }

    /// The URLs that redirects led to.
    package var followed: [String] { places.dropFirst().map(\.url) }

    private var current: Place { places[places.count - 1] }

    /// What to ask after `response`; nil when it is the answer.
    ///
    /// - Parameter fields: Those of the request that it answers.
    /// - Throws: ``MTLSError/Code/redirectLimit``, ``MTLSError/Code/redirectInsecure`` or
    ///   ``MTLSError/Code/redirectInvalid``.
    package mutating func next(after response: HTTPResponse, fields: HTTPFields) throws(MTLSError) -> Step? {
        guard [301, 302, 303, 307, 308].contains(response.status.code) else { return nil }
        let locations = response.headerFields[values: .location]
        guard let location = locations.first else { return nil }
        guard Set(locations).count == 1 else { throw invalid("it names more than one Location") }
        let here = current
        var place = try destination(location)
        if here.origin.scheme == .https, place.origin.scheme == .http {
            throw error(
                .redirectInsecure, "\(here.shown) redirects from https to http, \(place.shown)",
                advice: "ask for that URL if the request may be read and answered by anybody")
        }
        place.method = Self.method(after: response.status.code, here.method)
        try admit(place)
        places.append(place)
        let keepsBody = place.method == here.method && response.status.code != 303
        return Step(
            place: place,
            fields: kept(fields, keepsBody: keepsBody, staysAtOrigin: place.origin == here.origin), keepsBody: keepsBody
        )
    }

    private func destination(_ location: String) throws(MTLSError) -> Place {
        let here = current
        let resolved = URLReference(here.url).resolving(URLReference(URLReference.mended(location)))
        let parsed: ParsedURL
        do throws(MTLSError) {
            parsed = try ParsedURL(resolved.description)
        } catch {
            throw invalid(error.message, underlying: error)
        }
        return Place(
            method: here.method, origin: parsed.origin, target: parsed.target,
            fragment: resolved.fragment ?? here.fragment)
    }

    private static func method(after status: Int, _ method: HTTPRequest.Method) -> HTTPRequest.Method {
        switch status {
        case 301, 302: method == .post ? .get : method
        case 303: method == .head ? .head : .get
        default: method
        }
    }

    private func admit(_ place: Place) throws(MTLSError) {
        // A fragment makes no other request.
        let isLoop = places.contains { ($0.method, $0.origin, $0.target) == (place.method, place.origin, place.target) }
        guard isLoop || places.count > settings.maximum else { return }
        let count = places.count
        let what = isLoop ? "the redirects lead in a circle" : "there are more than \(settings.maximum) redirects"
        // The last ones tell enough.
        let chain = (places.suffix(8) + [place]).map(\.shown).joined(separator: " → ")
        throw error(
            .redirectLimit, "\(what): \(count > 8 ? "… → " : "")\(chain)",
            advice: isLoop ? "the server is at fault, or misses a cookie" : "raise RedirectSettings.maximum")
    }

    private static let credentials: Set<HTTPField.Name> = [.authorization, .cookie, .proxyAuthorization]

    private static let ofBody: Set<HTTPField.Name> = [
        .contentType, .contentLength, .contentEncoding, .contentLanguage, .contentLocation, .transferEncoding, .expect,
        .trailer,
    ]

    /// A Host field that the caller gave is for that origin, too.
    private func kept(_ fields: HTTPFields, keepsBody: Bool, staysAtOrigin: Bool) -> HTTPFields {
        var kept = HTTPFields()
        for field in fields {
            if !keepsBody, Self.ofBody.contains(field.name) { continue }
            if !staysAtOrigin {
                if field.name == .host || Self.credentials.contains(field.name) { continue }
                if settings.sensitiveFields.contains(field.name) { continue }
            }
            kept.append(field)
        }
        return kept
    }

    private func invalid(_ reason: String, underlying: (any Error)? = nil) -> MTLSError {
        error(
            .redirectInvalid, "the redirect of \(current.shown) cannot be followed: \(reason)", underlying: underlying)
    }

    private func error(
        _ code: MTLSError.Code, _ message: String, advice: String? = nil, underlying: (any Error)? = nil
    ) -> MTLSError {
        MTLSError(
            code, phase: .response, fault: .peer, message, advice: advice, origin: current.origin.description,
            underlying: underlying)
    }
}
