// Go's net/http. Arguments are key=value, as Benchmarks/README.md lists them.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var options = map[string]string{}

func number(key string, otherwise int) int {
	if value, err := strconv.Atoi(options[key]); err == nil {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type result struct {
	Requests int     `json:"requests"`
	Errors   int64   `json:"errors"`
	Wall     float64 `json:"wall_s"`
	User     float64 `json:"user_s"`
	System   float64 `json:"sys_s"`
	Bytes    int64   `json:"bytes"`
	Resumed  int64   `json:"handshakes_resumed"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	BaseKiB  int     `json:"rss_base_kb,omitempty"`
	KiB      int     `json:"rss_kb,omitempty"`
}

var errors, resumed, received int64

func cpu() (user, system float64) {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano()).Seconds(), time.Duration(usage.Stime.Nano()).Seconds()
}

func residentKiB() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return kib
		}
	}
	return 0
}

// measure runs work, which returns its latencies in seconds.
func measure(count int, work func() []float64) result {
	errors, resumed, received = 0, 0, 0
	user, system := cpu()
	start := time.Now()
	latencies := work()
	wall := time.Since(start).Seconds()
	userEnd, systemEnd := cpu()
	r := result{Requests: count, Errors: errors, Resumed: resumed, Bytes: received,
		Wall: wall, User: userEnd - user, System: systemEnd - system}
	if len(latencies) > 0 {
		sort.Float64s(latencies)
		r.P50 = latencies[len(latencies)/2] * 1e6
		r.P99 = latencies[len(latencies)*99/100] * 1e6
	}
	return r
}

func print(r result) {
	line, err := json.Marshal(r)
	check(err)
	fmt.Println(string(line))
}

func request(url string, size int64, fresh bool) *http.Request {
	method, body := "GET", io.Reader(nil)
	if size > 0 {
		method, body = "POST", io.LimitReader(letters{}, size)
	}
	r, err := http.NewRequest(method, url, body)
	check(err)
	r.ContentLength = size
	r.Close = fresh
	return r
}

// letters is a body without an end, whose bytes need no writing.
type letters struct{}

func (letters) Read(into []byte) (int, error) { return len(into), nil }

func exchange(client *http.Client, r *http.Request, buffer []byte) {
	response, err := client.Do(r)
	if err != nil {
		if atomic.AddInt64(&errors, 1) == 1 {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	defer response.Body.Close()
	first, total := byte(0), int64(0)
	for {
		count, err := response.Body.Read(buffer)
		if total == 0 && count > 0 {
			first = buffer[0]
		}
		total += int64(count)
		if err == io.EOF {
			break
		}
		if err != nil {
			atomic.AddInt64(&errors, 1)
			return
		}
	}
	if response.StatusCode != 200 {
		atomic.AddInt64(&errors, 1)
	}
	if first == 'r' {
		atomic.AddInt64(&resumed, 1)
	}
	atomic.AddInt64(&received, total)
}

func batch(client *http.Client, url string, count, concurrency int, size int64, fresh bool) []float64 {
	var all sync.WaitGroup
	latencies := make([]float64, count)
	var next int64 = -1
	for worker := 0; worker < concurrency; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			var buffer []byte
			for {
				i := int(atomic.AddInt64(&next, 1))
				if i >= count {
					return
				}
				if buffer == nil {
					buffer = make([]byte, number("buffer", 512))
				}
				start := time.Now()
				exchange(client, request(url, size, fresh), buffer)
				latencies[i] = time.Since(start).Seconds()
			}
		}()
	}
	all.Wait()
	return latencies
}

func newClient(mode string, concurrency int) *http.Client {
	authorities := x509.NewCertPool()
	pem, err := os.ReadFile(options["ca"])
	check(err)
	authorities.AppendCertsFromPEM(pem)
	certificate, err := tls.LoadX509KeyPair(options["cert"], options["key"])
	check(err)
	settings := &tls.Config{RootCAs: authorities, Certificates: []tls.Certificate{certificate}}
	if mode == "resumed" {
		settings.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	transport := &http.Transport{
		TLSClientConfig: settings, MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true}
	if mode == "get" {
		transport.MaxConnsPerHost = concurrency
	}
	return &http.Client{Transport: transport}
}

func main() {
	for _, argument := range os.Args[1:] {
		if key, value, found := strings.Cut(argument, "="); found {
			options[key] = value
		}
	}
	mode, url := options["mode"], options["url"]
	if mode == "version" {
		fmt.Println(runtime.Version())
		return
	}
	count, concurrency, size := number("requests", 1), number("concurrency", 1), int64(0)
	if mode == "up" {
		size = int64(number("size", 0))
	}
	client := newClient(mode, concurrency)
	if mode == "idle" {
		base := residentKiB()
		r := measure(count, func() []float64 { return batch(client, url, count, count, 0, false) })
		runtime.GC()
		time.Sleep(300 * time.Millisecond)
		r.BaseKiB, r.KiB = base, residentKiB()
		print(r)
		time.Sleep(time.Duration(number("hold", 0)) * time.Second)
		return
	}
	fresh := mode == "full" || mode == "resumed"
	batch(client, url, number("warm-up", 0), concurrency, size, fresh)
	r := measure(count, func() []float64 { return batch(client, url, count, concurrency, size, fresh) })
	r.Bytes += size * int64(count)
	print(r)
	if r.Errors > 0 {
		os.Exit(1)
	}
}
