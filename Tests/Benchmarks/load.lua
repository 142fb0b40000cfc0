-- What wrk sends: the lines of a file as bodies, one a request, round and round or each at most once.
--
--   BENCH_METHOD   GET or POST
--   BENCH_BODIES   the file; without it every request is the same and has no body
--   BENCH_PROOFS   a file of DPoP proofs, one a request; the bodies go round and round then, and ONCE is about these
--   BENCH_PATHS    a file of paths, one a request, round and round; then there are no bodies
--   BENCH_AUTHORIZATION  the header, if there is to be one
--   BENCH_ONCE     set when a line must not be sent twice (a client assertion)

local threads = {}
local method = os.getenv("BENCH_METHOD")
local path = os.getenv("BENCH_BODIES")
local paths = os.getenv("BENCH_PATHS")
local proofs = os.getenv("BENCH_PROOFS")
local headers = method == "POST" and { ["Content-Type"] = "application/x-www-form-urlencoded" } or {}
headers["Authorization"] = os.getenv("BENCH_AUTHORIZATION")

function setup(thread)
   threads[#threads + 1] = thread
end

function init()
   if paths then
      local ready, position = {}, 0
      for target in io.lines(paths) do
         ready[#ready + 1] = wrk.format(method, target, headers, nil)
      end
      request = function()
         position = position % #ready + 1
         return ready[position]
      end
   elseif proofs then
      local bodies, position = {}, 0
      for body in io.lines(path) do bodies[#bodies + 1] = body end
      local lines = io.lines(proofs)
      request = function()
         local proof = lines and lines()
         if proof then
            headers["DPoP"] = proof
         elseif os.getenv("BENCH_ONCE") then
            lines, exhausted = nil, true
         else
            lines = io.lines(proofs)
         end
         position = position % #bodies + 1
         return wrk.format(method, nil, headers, bodies[position])
      end
   elseif not path then
      local only = wrk.format(method, nil, headers, method == "POST" and "" or nil)
      request = function() return only end
   elseif os.getenv("BENCH_ONCE") then
      local lines = io.lines(path)
      local last
      request = function()
         local body = lines and lines()
         if body then
            last = wrk.format(method, nil, headers, body)
         else
            lines, exhausted = nil, true
         end
         return last
      end
   else
      local ready, position = {}, 0
      for body in io.lines(path) do
         ready[#ready + 1] = wrk.format(method, nil, headers, body)
      end
      request = function()
         position = position % #ready + 1
         return ready[position]
      end
   end
end

function done(summary, latency)
   local errors = summary.errors
   local exhausted = false
   for _, thread in ipairs(threads) do
      exhausted = exhausted or thread:get("exhausted") == true
   end
   -- Answers by the millisecond that they took, so that several runs can be taken for one.
   local counts, histogram = {}, {}
   for index = 1, #latency do
      local microseconds, count = latency(index)
      local milliseconds = math.floor(microseconds / 1000)
      counts[milliseconds] = (counts[milliseconds] or 0) + count
   end
   for milliseconds, count in pairs(counts) do
      histogram[#histogram + 1] = string.format('"%d":%d', milliseconds, count)
   end
   io.write(string.format(
      'RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"rejected":%d,"broken":%d,"exhausted":%s,'
         .. '"histogram":{%s}}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout, tostring(exhausted),
      table.concat(histogram, ",")))
end
