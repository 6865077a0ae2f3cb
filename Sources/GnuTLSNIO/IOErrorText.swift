import NIOCore

import func Glibc.strerror

/// What an error of a channel means to people: for a failed system call the system's own words.
package func reason(_ error: any Error) -> String {
    guard let error = error as? IOError else { return "\(error)" }
    return String(cString: strerror(error.errnoCode))
}
