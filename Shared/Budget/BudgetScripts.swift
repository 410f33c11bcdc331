import Redis

/// The scripts that change counters in Redis, each atomically for tenant and persona together.
///
/// A counter is a hash: `used` tokens, `reserved` tokens, `gen` (a random word of the seeding, so that a reservation of
/// a counter that was lost is told from one of the present), `synced` (when Postgres was last looked at, in ms). Beside
/// it, a sorted set `…:r` holds the reservations as `id:amount`, by the moment when each is void: what a crashed
/// process has set aside comes back. KEYS are the counters and their sets, alternating.
enum BudgetScripts {
    /// Sets tokens aside when every limit allows it.
    ///
    /// ARGV: now in ms, amount, reservation id, when it is void in ms, oldest `synced` that is trusted, then for each
    /// counter its limit or -1. Answers `{-1}` when a counter is missing or was not compared with Postgres for too
    /// long, else `{1 or 0, used + reserved of each counter before, gen of each}`.
    static let reserve = RedisScript(
        """
        local now, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
        local totals, gens, allowed = {}, {}, 1
        for i = 1, #KEYS, 2 do
            local n = (i + 1) / 2
            local fields = redis.call('HMGET', KEYS[i], 'used', 'reserved', 'gen', 'synced')
            if not fields[1] or tonumber(fields[4]) < tonumber(ARGV[5]) then return {-1} end
            local reserved = tonumber(fields[2])
            local void = redis.call('ZRANGEBYSCORE', KEYS[i + 1], '-inf', now)
            for _, member in ipairs(void) do
                reserved = reserved - tonumber(string.match(member, ':(%d+)$'))
                redis.call('ZREM', KEYS[i + 1], member)
            end
            if #void > 0 then redis.call('HSET', KEYS[i], 'reserved', string.format('%.0f', reserved)) end
            totals[n] = string.format('%.0f', tonumber(fields[1]) + reserved)
            gens[n] = fields[3]
            local limit = tonumber(ARGV[5 + n])
            if limit >= 0 and tonumber(totals[n]) + amount > limit then allowed = 0 end
        end
        if allowed == 1 and amount > 0 then
            for i = 1, #KEYS, 2 do
                redis.call('HINCRBY', KEYS[i], 'reserved', ARGV[2])
                redis.call('ZADD', KEYS[i + 1], ARGV[4], ARGV[3] .. ':' .. ARGV[2])
                redis.call('PEXPIRE', KEYS[i + 1], math.max(redis.call('PTTL', KEYS[i]), 1))
            end
        end
        return {allowed, totals, gens}
        """
    )

    /// Ends a reservation: takes it back, adds what was used, and raises the counters to at least what Postgres says.
    ///
    /// ARGV: reservation id, reserved amount, used amount, then for each counter its `gen`, then for each counter the
    /// least use (may be left out). A counter that was made anew since does not know the reservation; one that is gone
    /// is left alone.
    static let settle = RedisScript(
        """
        local count = #KEYS / 2
        for i = 1, #KEYS, 2 do
            local n = (i + 1) / 2
            local gen = redis.call('HGET', KEYS[i], 'gen')
            if gen then
                if gen == ARGV[3 + n] and redis.call('ZREM', KEYS[i + 1], ARGV[1] .. ':' .. ARGV[2]) == 1 then
                    redis.call('HINCRBY', KEYS[i], 'reserved', '-' .. ARGV[2])
                end
                if ARGV[3] ~= '0' then redis.call('HINCRBY', KEYS[i], 'used', ARGV[3]) end
                local least = ARGV[3 + count + n]
                if least and tonumber(redis.call('HGET', KEYS[i], 'used')) < tonumber(least) then
                    redis.call('HSET', KEYS[i], 'used', least)
                end
            end
        end
        return 1
        """
    )

    /// Makes counters, or raises them to what Postgres says; never lowers one.
    ///
    /// ARGV: now in ms, ms until they go away, `gen` for new ones, then for each counter its used tokens.
    static let seed = RedisScript(
        """
        for i = 1, #KEYS, 2 do
            local used = redis.call('HGET', KEYS[i], 'used')
            local truth = ARGV[3 + (i + 1) / 2]
            if not used then
                redis.call('DEL', KEYS[i + 1])
                redis.call('HSET', KEYS[i], 'used', truth, 'reserved', 0, 'gen', ARGV[3], 'synced', ARGV[1])
                redis.call('PEXPIRE', KEYS[i], ARGV[2])
            else
                if tonumber(used) < tonumber(truth) then redis.call('HSET', KEYS[i], 'used', truth) end
                redis.call('HSET', KEYS[i], 'synced', ARGV[1])
            end
        end
        return 1
        """
    )
}
